"""Rigid registration of one contrast of a head to another one of the same head, by SimpleITK."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.itk import LPS, as_affine, coarse_to_fine, itk_image
from datasets.preparing.preparation import SPACING_MM, box_size_mm, centred_affine, corner_value, extent, frame_shape
from datasets.preparing.resampling import resample

if TYPE_CHECKING:
    import SimpleITK as sitk

MARGIN_MM = 8.0  # around the brain that registration looks at: the skull helps, jaw and neck may have moved
SHRINK_FACTORS = (4, 2, 1)  # 8 mm, 4 mm, 2 mm
BINS = 32  # of mutual information (Mattes 2003)
LARGEST_STEP_MM, SMALLEST_STEP_MM, STEPS = 2.0, 1e-3, 100
LARGEST_TURN_DEGREES, LARGEST_SHIFT_MM = 60.0, 150.0  # more is not to be believed of one head


def same_head(
    fixed: FloatArray, affine: Affine, brain_mask: BoolArray, moving: FloatArray, moving_affine: Affine, what: object
) -> Affine:
    """The rigid (4, 4), mm of the moving image -> mm of the fixed one, that lays one contrast of a head on another.

    Mutual information is maximised in and around the brain, beginning with the two as their headers place them or,
    where that is better, with their middles on each other. One thread, all voxels: no chance is involved.

    Args:
        fixed: (X, Y, Z), with its affine and brain mask.
        moving: Of any grid.
        what: The moving image, as a sentence names it.

    Raises:
        BenchError: When registration breaks off, or gives what is not to be believed.
    """
    own = extent(brain_mask, affine)
    first, last = np.array(own.first), np.array(own.last)
    shape = frame_shape(box_size_mm(first, last, affine) + 2 * MARGIN_MM)
    box = centred_affine(first, last, affine, shape)
    around = _grown(resample(brain_mask, affine, box, shape))
    where = itk_image(around.astype(np.uint8), box)
    target, other = itk_image(resample(fixed, affine, box, shape), box), itk_image(moving, moving_affine)
    shift_mm = middle_mm(moving, moving_affine) - middle_mm(fixed, affine)
    centre_mm = box[:3, :3] @ ((np.array(shape) - 1) / 2) + box[:3, 3]
    found = _registered(target, where, other, centre_mm, [np.zeros(3), shift_mm])
    if found is None or not _believable(found, centre_mm):
        raise BenchError(f"{what} cannot be laid on the T1w image; check that it shows the same head, or move it away.")
    return np.asarray(np.linalg.inv(found), dtype=np.float64)


def middle_mm(image: FloatArray, affine: Affine) -> npt.NDArray[np.float64]:
    """The centre of mass of what is brighter than background."""
    from scipy import ndimage

    background = corner_value(image)
    bright = np.maximum(image - (np.median(image) if background is None else background), 0)
    middle: npt.NDArray[np.float64] = np.array(ndimage.center_of_mass(bright), dtype=np.float64)
    return np.asarray(affine[:3, :3] @ middle + affine[:3, 3], dtype=np.float64)


def _grown(mask: BoolArray) -> BoolArray:
    """A mask on 2 mm voxels with a margin."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, iterations=round(MARGIN_MM / SPACING_MM)), dtype=bool)


def _registered(
    target: "sitk.Image",
    where: "sitk.Image",
    other: "sitk.Image",
    centre_mm: npt.NDArray[np.float64],
    starts_mm: list[npt.NDArray[np.float64]],
) -> Affine | None:
    """The rigid (4, 4), mm of the target -> mm of the other image; None when SimpleITK breaks off."""
    import SimpleITK as sitk

    method = coarse_to_fine(where, SHRINK_FACTORS, SPACING_MM, (LARGEST_STEP_MM, SMALLEST_STEP_MM), STEPS)
    method.SetMetricAsMattesMutualInformation(BINS)
    best: tuple[float, sitk.Transform] | None = None
    for shift_mm in starts_mm:
        transform = sitk.Euler3DTransform()
        transform.SetCenter((LPS[:3, :3] @ centre_mm).tolist())
        transform.SetTranslation((LPS[:3, :3] @ shift_mm).tolist())
        method.SetInitialTransform(transform, inPlace=True)
        try:
            value = method.MetricEvaluate(target, other)
        except RuntimeError:  # they do not overlap
            continue
        if best is None or value < best[0]:
            best = (value, transform)
    if best is None:
        return None
    method.SetInitialTransform(best[1], inPlace=True)
    try:
        method.Execute(target, other)
    except RuntimeError:
        return None
    return as_affine(best[1])


def _believable(found: Affine, centre_mm: npt.NDArray[np.float64]) -> bool:
    """Whether a rigid transform turns and moves a head no more than between two scans of one session."""
    turn = np.degrees(np.arccos(np.clip((np.trace(found[:3, :3]) - 1) / 2, -1, 1)))
    shift_mm = np.linalg.norm(found[:3, :3] @ centre_mm + found[:3, 3] - centre_mm)
    return bool(turn <= LARGEST_TURN_DEGREES and shift_mm <= LARGEST_SHIFT_MM)
