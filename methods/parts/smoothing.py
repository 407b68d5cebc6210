"""Smooth volumes: means over few cases, and the coarse grid that they are kept on."""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from bench.blur import Sigma, blurred

Array = npt.NDArray[np.float64]

GRID_STEP = 2  # smooth volumes lose nothing at half resolution


def local_mean(total: Array, count: Array, sigma: Sigma, prior_cases: float) -> Array:
    """Mean around each voxel, (..., X, Y, Z), from sums over cases and the number of brains (X, Y, Z) there.

    Both are blurred alike, so that every place borrows from its neighbours inside the brain. The mean over all places
    weighs as much as `prior_cases` cases: it stands in where no brain was seen nearby.
    """
    overall = total.sum(axis=(-3, -2, -1), keepdims=True) / max(count.sum(), 1.0)
    weight = blurred(count, sigma) + prior_cases
    return np.asarray((blurred(total, sigma) + prior_cases * overall) / weight)


def halved(volumes: torch.Tensor, whole: bool = False) -> torch.Tensor:
    """Means of cells of 2 x 2 x 2 voxels: (K, X, Y, Z) -> (K, x, y, z).

    whole: with the smaller cells at the end of odd edges, which are left away otherwise.
    """
    return F.avg_pool3d(volumes, GRID_STEP, ceil_mode=whole)


def grown(volumes: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """Back to full resolution by linear interpolation: (K, x, y, z) -> (K, X, Y, Z)."""
    return F.interpolate(volumes[None], size=shape, mode="trilinear", align_corners=False)[0]
