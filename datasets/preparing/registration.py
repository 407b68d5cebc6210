"""Affine registration of a scan to the mean of the training brains, by SimpleITK."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from datasets.case import Affine, BoolArray, Case, FloatArray
from datasets.preparing.itk import coarse_to_fine
from datasets.preparing.preparation import (
    SPACING_MM,
    Frame,
    Scan,
    box_affine,
    box_size_mm,
    extent,
    frame_shape,
    prepare,
)
from datasets.preparing.resampling import resample

RIM_VOXELS = 2  # left out at the edge of the mean brain, so that anatomy decides and not how masks were drawn
SHRINK_FACTORS = (4, 2)  # 8 mm, then 4 mm
LARGEST_STEP_MM, SMALLEST_STEP_MM, STEPS = 2.0, 1e-3, 100
DETERMINANTS = (0.4, 2.5)  # of a believable affine: by how much a brain's volume may change


@dataclass(frozen=True)
class MeanBrain:
    """What scans are registered to, on the grid of the training box.

    image: (X, Y, Z) float32 in [0, 1], background 0; inside: (X, Y, Z) bool, the brain without its rim.
    """

    image: FloatArray
    inside: BoolArray


def mean_brain(cases: Sequence[Case]) -> MeanBrain:
    """The voxel-wise mean of prepared cases, first channel, and the core of what is brain in half of them."""
    from scipy import ndimage

    image, share = np.zeros((2, *cases[0].brain_mask.shape), np.float32)
    for case in cases:
        image += brightness(case) / np.float32(len(cases))
        share += case.brain_mask / np.float32(len(cases))
    inside = ndimage.binary_erosion(share >= 0.5, iterations=RIM_VOXELS)
    return MeanBrain(image, inside)


def aligned_box(scan: Scan, frame: Frame, mean: MeanBrain) -> Affine | None:
    """The (4, 4) affine, voxel of the training box -> mm of the subject, that lays the scan's brain on the mean.

    None when it is not to be believed: registration broke off, the brain's volume changed out of all reason, or
    the scan is no more like the mean than where it lay. The same scan gives the same result.
    """
    scan = replace(scan, images=scan.images[:1], channels=scan.channels[:1], lesion_mask=None)
    own = extent(scan.brain_mask, scan.affine)
    size_mm = box_size_mm(np.array(own.first), np.array(own.last), scan.affine)
    moving = prepare(scan, Frame(frame_shape(size_mm), None))
    transform = registered(mean, moving)
    if transform is None or not DETERMINANTS[0] <= np.linalg.det(transform[:3, :3]) <= DETERMINANTS[1]:
        return None
    found: Affine = moving.affine @ transform
    before, after = likeness(moving, box_affine(scan, frame), mean), likeness(moving, found, mean)
    return found if after > before else None


def registered(mean: MeanBrain, moving: Case) -> Affine | None:
    """The (4, 4) transform, voxel of the mean -> voxel of the moving case; None when SimpleITK breaks off.

    An affine is sought that maximises the correlation of intensities. It starts with the two centres of mass on
    each other and the two volumes alike. One thread and all voxels: no chance is involved.
    """
    import SimpleITK as sitk

    def itk_image(volume: npt.NDArray[np.generic]) -> sitk.Image:
        image = sitk.GetImageFromArray(np.ascontiguousarray(volume.T))
        image.SetSpacing([SPACING_MM] * 3)
        return image

    centre_mm, mass = weight(mean.image)
    moving_centre_mm, moving_mass = weight(brightness(moving))
    transform = sitk.AffineTransform(3)
    transform.SetCenter(centre_mm.tolist())
    transform.SetTranslation((moving_centre_mm - centre_mm).tolist())
    transform.SetMatrix((np.cbrt(moving_mass / mass) * np.eye(3)).ravel().tolist())
    inside = itk_image(mean.inside.astype(np.uint8))
    method = coarse_to_fine(inside, SHRINK_FACTORS, SPACING_MM, (LARGEST_STEP_MM, SMALLEST_STEP_MM), STEPS)
    method.SetMetricAsCorrelation()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(itk_image(mean.image), itk_image(brightness(moving)))
    except RuntimeError:
        return None
    origin_mm = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    result: Affine = np.eye(4)
    result[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    result[:3, 3] = origin_mm / SPACING_MM
    return result


def brightness(case: Case) -> FloatArray:
    """The first channel (X, Y, Z) in [0, 1], background 0."""
    image: FloatArray = (case.image[0] + 1) / 2
    return image


def weight(image: FloatArray) -> tuple[npt.NDArray[np.float64], float]:
    """Centre of mass of an image (X, Y, Z), in mm from its first voxel, and its mass.

    Fluid is dark, so that it matters little whether a mask includes the fluid around the brain.
    """
    from scipy import ndimage

    return np.array(ndimage.center_of_mass(image)) * SPACING_MM, float(image.sum())


def likeness(case: Case, box: Affine, mean: MeanBrain) -> float:
    """Correlation of a case with the mean, inside the mean brain, when the training box lies at this affine; NaN
    where it sees nothing of the case."""
    image = resample(brightness(case), case.affine, box, mean.image.shape)
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(image[mean.inside], mean.image[mean.inside])[0, 1])
