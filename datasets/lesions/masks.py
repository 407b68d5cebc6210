"""Lesion masks of one subject: drawn up to a lesion load in MNI152 space, then placed in the subject's brain."""

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from datasets.case import Affine, BoolArray
from datasets.lesions.shapes import MNI_AFFINE, MNI_SHAPE, SIZE_CLASSES, LesionShapes, VoxelIndices
from datasets.preparing.resampling import resample

# Where the ICBM152 brain lies, in mm: the 0.5 and 99.5 percentiles of its voxels along x, y and z.
TEMPLATE_LOW_MM = (-66.0, -100.0, -60.0)
TEMPLATE_HIGH_MM = (66.0, 66.0, 74.0)
SAME_SPACE_MM = 15.0  # a brain whose sides lie within this of the template's counts as registered to it


def draw_masks(shapes: LesionShapes, load_mm3: float, rng: np.random.Generator) -> list[VoxelIndices]:
    """Masks up to a lesion load, from the largest class down (stage 1 of the simulator).

    A draw fails when the mask exceeds the remaining load or overlaps one before it; masks of the largest class may
    overlap. A class is left when the remaining load falls to its ceiling, or after as many failed draws as it has
    masks; in the smallest class the first mask that exceeds the load ends the search.
    """
    accepted: list[VoxelIndices] = []
    taken = np.zeros(np.prod(MNI_SHAPE), dtype=bool)
    remaining_mm3 = load_mm3
    largest, smallest = SIZE_CLASSES[0], SIZE_CLASSES[-1]
    for size in SIZE_CLASSES:
        failed = 0
        while remaining_mm3 > size.ceiling_mm3 and failed < shapes.count(size):
            mask = shapes.draw(size, remaining_mm3, rng)
            if mask is None and size is smallest:
                return accepted
            if mask is None or (size is not largest and taken[mask].any()):
                failed += 1
                continue
            accepted.append(mask)
            taken[mask] = True
            remaining_mm3 -= len(mask)
    return accepted


def subject_lesions(
    shapes: LesionShapes, load_ml: float, brain_mask: BoolArray, affine: Affine, rng: np.random.Generator
) -> BoolArray:
    """The drawn masks on the subject's grid, (X, Y, Z), inside its brain. BenchError when none remains."""
    masks = draw_masks(shapes, load_ml * 1000, rng)
    template: BoolArray = np.zeros(MNI_SHAPE, dtype=bool)
    for mask in masks:
        template.ravel()[mask] = True
    x, y, z = brain_mask.shape
    placed = resample(template, template_to_subject(brain_mask, affine) @ MNI_AFFINE, affine, (x, y, z))
    placed &= brain_mask
    if not placed.any():
        raise BenchError(f"No lesion fits into a load of {load_ml:g} ml in this brain; raise lesion_load_ml.")
    return placed


def template_to_subject(brain_mask: BoolArray, affine: Affine) -> Affine:
    """From mm of MNI152 space to mm of the subject.

    The identity for a brain that lies where the template's does. Otherwise a shift and a scale along each axis,
    by which the template brain's bounding box becomes the subject's.
    """
    low, high = brain_bounds_mm(brain_mask, affine)
    template_low, template_high = np.array(TEMPLATE_LOW_MM), np.array(TEMPLATE_HIGH_MM)
    result: Affine = np.eye(4)
    if max(np.abs(low - template_low).max(), np.abs(high - template_high).max()) > SAME_SPACE_MM:
        scale = (high - low) / (template_high - template_low)
        result[:3, :3] = np.diag(scale)
        result[:3, 3] = low - scale * template_low
    return result


def brain_bounds_mm(brain_mask: BoolArray, affine: Affine) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The 0.5 and 99.5 percentiles of a brain's voxels along x, y and z: its bounding box without stray voxels."""
    points_mm = np.argwhere(brain_mask) @ affine[:3, :3].T + affine[:3, 3]
    low, high = np.percentile(points_mm, [0.5, 99.5], axis=0)
    return low, high
