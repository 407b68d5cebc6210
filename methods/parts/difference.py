"""The anomaly map of a reconstruction: how far the image is from it."""

import numpy as np

from datasets.case import Case, FloatArray
from methods.parts.images import Box


def difference_map(case: Case, box: Box, reconstruction: FloatArray) -> FloatArray:
    """|image - reconstruction| summed over channels, (X, Y, Z) float32, zero outside the brain.

    reconstruction: (C, x, y, z) of the box.
    """
    inside = case.brain_mask[box].astype(np.float32)
    difference = np.abs(case.image[(slice(None), *box)] - reconstruction).sum(axis=0) * inside
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = difference
    return anomaly_map
