"""Anomaly maps of what was computed on the box of a brain."""

import numpy as np

from datasets.case import Case, FloatArray
from methods.parts.images import Box


def difference_map(case: Case, box: Box, reconstruction: FloatArray) -> FloatArray:
    """|image - reconstruction| summed over channels, (X, Y, Z) float32, zero outside the brain.

    reconstruction: (C, x, y, z) of the box.
    """
    return map_of_box(case, box, np.abs(case.image[(slice(None), *box)] - reconstruction).sum(axis=0))


def map_of_box(case: Case, box: Box, values: FloatArray) -> FloatArray:
    """The values (x, y, z) of a box at their place: (X, Y, Z) float32, zero outside the brain."""
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = values * case.brain_mask[box].astype(np.float32)
    return anomaly_map
