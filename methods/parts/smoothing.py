"""Smooth volumes: blurs inside a mask, means over few cases, and the coarse grid that they are kept on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage

from datasets.case import FloatArray

Array = npt.NDArray[np.float64]
Sigma = float | Array | Sequence[float]
"""Of a Gaussian, in voxels: along all three axes, or along each."""

GRID_STEP = 2  # smooth volumes lose nothing at half resolution


def blurred_inside(values: FloatArray, inside: FloatArray, sigma: Sigma, least_weight: float = 1e-6) -> FloatArray:
    """Gaussian mean over the voxels inside a mask only (normalised convolution), so that its rim does not fade.

    values: (..., X, Y, Z). inside: (..., X, Y, Z) float32, 1 inside and 0 outside. least_weight: what part of the
    Gaussian must lie inside; where less does, far outside, values fade to 0.
    """
    weight = np.maximum(_gaussian(inside, sigma), least_weight)
    blurred: FloatArray = _gaussian(values * inside, sigma) / weight
    return blurred


def local_mean(total: Array, count: Array, sigma: Sigma, prior_cases: float) -> Array:
    """Mean around each voxel, (..., X, Y, Z), from sums over cases and the number of brains (X, Y, Z) there.

    Both are blurred alike, so that every place borrows from its neighbours inside the brain. The mean over all places
    weighs as much as `prior_cases` cases: it stands in where no brain was seen nearby.
    """
    overall = total.sum(axis=(-3, -2, -1), keepdims=True) / max(count.sum(), 1.0)
    weight = _gaussian(count, sigma) + prior_cases
    return np.asarray((_gaussian(total, sigma) + prior_cases * overall) / weight)


def halved(volumes: torch.Tensor, whole: bool = False) -> torch.Tensor:
    """Means of cells of 2 x 2 x 2 voxels: (K, X, Y, Z) -> (K, x, y, z).

    whole: with the smaller cells at the end of odd edges, which are left away otherwise.
    """
    return F.avg_pool3d(volumes, GRID_STEP, ceil_mode=whole)


def grown(volumes: torch.Tensor, shape: tuple[int, int, int]) -> torch.Tensor:
    """Back to full resolution by linear interpolation: (K, x, y, z) -> (K, X, Y, Z)."""
    return F.interpolate(volumes[None], size=shape, mode="trilinear", align_corners=False)[0]


def _gaussian(volumes: npt.NDArray[np.floating], sigma: Sigma) -> npt.NDArray[np.floating]:
    """Blur along the last three axes."""
    along = np.broadcast_to(np.asarray(sigma, dtype=float), 3)
    blurred: npt.NDArray[np.floating] = ndimage.gaussian_filter(volumes, (*[0.0] * (volumes.ndim - 3), *along))
    return blurred
