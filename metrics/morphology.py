"""Mask operations by shifted slices: the 6-neighbour cross, the surface of a mask, the rim of a brain."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BoolArray: TypeAlias = npt.NDArray[np.bool_]


def dilated(mask: BoolArray) -> BoolArray:
    """The mask (X, Y, Z) and its 6 neighbours: dilation by a ball of radius 1."""
    result = mask.copy()
    for axis in range(mask.ndim):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(result, axis, 0)
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return result


def surface(mask: BoolArray) -> BoolArray:
    """Voxels of the mask (X, Y, Z) with a 6-neighbour outside it; beyond the array counts as outside."""
    inside = mask.copy()
    for axis in range(mask.ndim):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(inside, axis, 0)
        target[1:] &= source[:-1]
        target[:-1] &= source[1:]
        target[0] = False
        target[-1] = False
    return mask & ~inside


def neighbours(connectivity: int) -> npt.NDArray[np.int64]:
    """Offsets (connectivity, 3) to the 6, 18 or 26 neighbours of a voxel: those that share a face, edge, corner."""
    offsets = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    differing_axes = np.abs(offsets).sum(axis=1)
    near = (differing_axes > 0) & (differing_axes <= {6: 1, 18: 2, 26: 3}[connectivity])
    return np.asarray(offsets[near])


def rim(brain_mask: BoolArray, radius: int) -> BoolArray:
    """The outermost layer of the brain: the mask minus its erosion by a ball of `radius` voxels.

    Beyond the array counts as brain, so a brain cut off by the array has no rim there.
    """
    if radius == 0:
        return np.zeros_like(brain_mask)
    offsets = np.indices((2 * radius + 1,) * 3).reshape(3, -1).T
    ball = offsets[((offsets - radius) ** 2).sum(axis=1) <= radius**2]
    box = bounding_box(brain_mask, margin=radius)
    size_x, size_y, size_z = brain_mask[box].shape
    padded = np.pad(brain_mask[box], radius, constant_values=True)
    eroded = np.ones((size_x, size_y, size_z), dtype=bool)
    for x, y, z in ball:
        eroded &= padded[x : x + size_x, y : y + size_y, z : z + size_z]
    result = brain_mask.copy()
    result[box] &= ~eroded
    return result


def diagonal(mask: BoolArray, spacing: Sequence[float]) -> float:
    """Length of the diagonal of the mask's bounding box: no two of its voxels are further apart."""
    sides = [(side.stop - side.start) * size for side, size in zip(bounding_box(mask), spacing, strict=True)]
    return math.hypot(*sides)


def bounding_box(mask: BoolArray, margin: int = 0) -> tuple[slice, slice, slice]:
    """The smallest box around a mask that is not empty, wider by `margin` voxels where there are any."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        box.append(slice(max(int(occupied[0]) - margin, 0), int(occupied[-1]) + 1 + margin))
    return box[0], box[1], box[2]
