"""Gaussian blurs of volumes, plain and inside a mask."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datasets.case import FloatArray

Sigma = float | npt.NDArray[np.float64] | Sequence[float]
"""Of a Gaussian, in voxels: along all three axes, or along each."""


def blurred(volumes: npt.NDArray[np.floating], sigma: Sigma) -> npt.NDArray[np.floating]:
    """Gaussian mean along the last three axes: (..., X, Y, Z) -> the same."""
    from scipy import ndimage

    along = np.broadcast_to(np.asarray(sigma, dtype=float), 3)
    found: npt.NDArray[np.floating] = ndimage.gaussian_filter(volumes, (*[0.0] * (volumes.ndim - 3), *along))
    return found


def blurred_inside(
    values: "FloatArray", inside: "FloatArray", sigma: Sigma, least_weight: float = 1e-6
) -> "FloatArray":
    """Gaussian mean over the voxels inside a mask only (normalised convolution), so that its rim does not fade.

    values: (..., X, Y, Z). inside: (..., X, Y, Z) float32, 1 inside and 0 outside. least_weight: what part of the
    Gaussian must lie inside; where less does, far outside, values fade to 0.
    """
    weight = np.maximum(blurred(inside, sigma), least_weight)
    found: FloatArray = blurred(values * inside, sigma) / weight
    return found
