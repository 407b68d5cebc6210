"""Anomaly maps of what was computed on the box of a brain."""

import numpy as np

from bench.blur import blurred_inside
from datasets.case import Case, FloatArray
from methods.parts.images import Box


def difference_map(case: Case, box: Box, reconstruction: FloatArray) -> FloatArray:
    """|image - reconstruction| summed over channels, (X, Y, Z) float32, zero outside the brain.

    reconstruction: (C, x, y, z) of the box.
    """
    return map_of_box(case, box, np.abs(case.image[(slice(None), *box)] - reconstruction).sum(axis=0))


def residual_map(case: Case, box: Box, reconstruction: FloatArray, signed_mm: float | None) -> FloatArray:
    """`difference_map`; or with a number the signed differences, blurred inside the brain: (C, X, Y, Z) float32.

    The sign lets noise cancel in the blur before a value is taken for large; a lesion's own difference, which has one
    sign, stays. reconstruction: (C, x, y, z) of the box. signed_mm: sigma of the blur.
    """
    if signed_mm is None:
        return difference_map(case, box, reconstruction)
    inside = case.brain_mask.astype(np.float32)
    residual = np.zeros_like(case.image)
    residual[(slice(None), *box)] = case.image[(slice(None), *box)] - reconstruction
    blurred = blurred_inside(residual, inside, signed_mm / np.array(case.spacing_mm)) if signed_mm else residual
    return np.asarray(blurred * inside, dtype=np.float32)


def map_of_box(case: Case, box: Box, values: FloatArray) -> FloatArray:
    """The values (x, y, z) of a box at their place: (X, Y, Z) float32, zero outside the brain."""
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = values * case.brain_mask[box].astype(np.float32)
    return anomaly_map
