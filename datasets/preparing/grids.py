"""Voxel grids: when two count as one and the same, and what is said when they do not."""

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from datasets.case import Affine

SAME_VOXELS = 0.05  # grids are the same when no voxel lies further than this from its place on the other
# Masks drawn on an image are taken as they lie even when programs disagree on whether an affine means the corner or
# the middle of a voxel; they have always been.
SAME_VOXELS_OF_MASKS = 0.5


def same_grid(
    shape: tuple[int, ...],
    affine: Affine,
    other_shape: tuple[int, ...],
    other_affine: Affine,
    tolerance_voxels: float = SAME_VOXELS,
) -> bool:
    """Whether two grids have one shape, and every voxel of one lies where the other has it. Affines: voxel -> mm."""
    if shape != other_shape:
        return False
    return furthest_voxels(np.linalg.inv(affine) @ other_affine - np.eye(4), shape) <= tolerance_voxels


def check_same_grid(
    what: object,
    shape: tuple[int, ...],
    affine: Affine,
    other: object,
    other_shape: tuple[int, ...],
    other_affine: Affine,
    tolerance_voxels: float = SAME_VOXELS,
) -> None:
    """BenchError, with both values, when a file does not lie on the grid of another one.

    what, other: the names of the two, for the sentence.
    """
    if shape != other_shape:
        raise BenchError(f"{what} has the shape {shape}, but {other} has {other_shape}: resample one to the other.")
    if not same_grid(shape, affine, other_shape, other_affine, tolerance_voxels):
        raise BenchError(
            f"{what} has the affine {shown(affine)}, but {other} has {shown(other_affine)}: resample one to the other."
        )


def shown(affine: Affine) -> str:
    """The upper three rows of an affine, in one line."""
    return "[" + "; ".join(" ".join(f"{value:.4g}" for value in row) for row in affine[:3]) + "]"


def whole_voxel_transform(transform: Affine, shape: tuple[int, ...]) -> npt.NDArray[np.int64] | None:
    """The index transform in whole numbers, if it only flips, permutes and shifts; else None."""
    whole = np.round(transform)
    if abs(round(np.linalg.det(whole[:3, :3]))) != 1:
        return None
    return whole.astype(np.int64) if furthest_voxels(transform - whole, shape) < SAME_VOXELS else None


def furthest_voxels(difference: Affine, shape: tuple[int, ...]) -> float:
    """How far apart two index transforms, given by their difference, bring a voxel of a grid at most: that is at one
    of its corners. In voxels, along the axis where it is most."""
    corners = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)]) * [*(np.array(shape) - 1), 1]
    return float(np.abs(corners @ difference.T).max())
