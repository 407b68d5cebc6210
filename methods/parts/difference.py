"""The anomaly map of a reconstruction: how far the image is from it."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from datasets.case import Case, FloatArray

Box = tuple[slice, slice, slice]


def difference_map(case: Case, box: Box, reconstruction: FloatArray) -> FloatArray:
    """|image - reconstruction| summed over channels, (X, Y, Z) float32, zero outside the brain.

    reconstruction: (C, x, y, z) of the box.
    """
    inside = case.brain_mask[box].astype(np.float32)
    difference = np.abs(case.image[(slice(None), *box)] - reconstruction).sum(axis=0) * inside
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = difference
    return anomaly_map


def smoothed(values: FloatArray, inside: FloatArray, sigma: npt.NDArray[np.float64]) -> FloatArray:
    """Gaussian mean over the voxels inside the brain only, so that its rim does not fade; sigma in voxels."""
    weight = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-6)
    return np.asarray(ndimage.gaussian_filter(values * inside, sigma) / weight * inside, dtype=np.float32)
