"""Masks that hide one half of a volume in cells."""

from typing import Literal

import torch
from torch import Tensor

Pattern = Literal["checkerboard", "authors-code"]


def hidden_half(shape: tuple[int, int, int], cell: int, pattern: Pattern, run: int) -> Tensor:
    """(X, Y, Z) bool, true where the voxels are hidden in a run; even and odd runs hide opposite halves.

    checkerboard: cells that share a face differ, along all three axes. authors-code: one flag flipped at every
    cell in three nested loops, as in the authors' code; along an axis with an even number of cells the flag comes
    back unchanged, so that cells line up as bars or sheets.
    """
    cells = [-(-edge // cell) for edge in shape]
    if pattern == "authors-code":
        parity = torch.arange(cells[0] * cells[1] * cells[2]).view(cells) % 2
    else:
        x, y, z = (torch.arange(count) for count in cells)
        parity = (x[:, None, None] + y[None, :, None] + z[None, None, :]) % 2
    for axis in range(3):
        parity = parity.repeat_interleave(cell, dim=axis).narrow(axis, 0, shape[axis])
    return parity == run % 2
