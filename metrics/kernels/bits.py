# mypy: allow-untyped-defs, allow-untyped-decorators
"""Sets of thresholds as 64-bit words. Constants are unsigned: numba turns int64 with uint64 into float64."""

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

ONE = np.uint64(1)
ZERO = np.uint64(0)


@intrinsic
def lowest_bit(typing_context, word):
    """Position of the lowest set bit of a word that is not zero: one machine instruction, which numba lacks."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def highest_bit(typing_context, word):
    """Position of the highest set bit of a word that is not zero."""

    def generate(context, builder, signature, arguments):
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return types.int64(types.uint64), generate


def bits_before(count: int) -> npt.NDArray[np.uint64]:
    """(count + 1, words): row k has the bits 0 .. k-1 set."""
    rows = np.zeros((count + 1, (count + 63) // 64), dtype=np.uint64)
    for k in range(count):
        rows[k + 1 :, k // 64] |= ONE << np.uint64(k % 64)
    return rows
