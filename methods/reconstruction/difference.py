"""The anomaly map of a reconstruction: how far the image is from it."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from datasets.case import Case, FloatArray

Box = tuple[slice, slice, slice]


def difference_map(case: Case, box: Box, reconstruction: FloatArray, smoothing_mm: float = 0.0) -> FloatArray:
    """|image - reconstruction| summed over channels, (X, Y, Z) float32, zero outside the brain.

    reconstruction: (C, x, y, z) of the box. smoothing_mm: standard deviation of a Gaussian mean over brain voxels.
    """
    inside = case.brain_mask[box].astype(np.float32)
    difference = np.abs(case.image[(slice(None), *box)] - reconstruction).sum(axis=0) * inside
    if smoothing_mm > 0:
        difference = smoothed(difference, inside, smoothing_mm / np.array(case.spacing_mm))
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = difference
    return anomaly_map


def smoothed(values: FloatArray, inside: FloatArray, sigma: npt.NDArray[np.float64]) -> FloatArray:
    """Gaussian mean over the voxels inside the brain only, so that its rim does not fade; sigma in voxels."""
    weight = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-6)
    return np.asarray(ndimage.gaussian_filter(values * inside, sigma) / weight * inside, dtype=np.float32)
