"""Between arrays with an affine (voxel -> mm RAS+) and SimpleITK, whose millimetres are LPS+."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from datasets.case import Affine

if TYPE_CHECKING:
    import SimpleITK as sitk

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # mm RAS+ -> mm LPS+, and back


def itk_image(volume: npt.NDArray[np.generic], affine: Affine) -> "sitk.Image":
    """A volume (X, Y, Z) as SimpleITK has it. A sheared affine loses its shear: it has no place there."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.T))
    lps = LPS @ affine
    image.SetSpacing(np.linalg.norm(lps[:3, :3], axis=0).tolist())
    image.SetDirection(nearest_rotation(lps[:3, :3]).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def coarse_to_fine(
    inside: "sitk.Image", shrink_factors: Sequence[int], spacing_mm: float, steps_mm: tuple[float, float], steps: int
) -> "sitk.ImageRegistrationMethod":
    """A registration that still lacks its metric and its start: gradient descent on ever finer images.

    One thread, all voxels of the mask `inside`: no chance is involved. steps_mm: its largest and its smallest step.
    """
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricFixedMask(inside)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(shrink_factors)
    method.SetSmoothingSigmasPerLevel([factor * spacing_mm / 2 for factor in shrink_factors])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(*steps_mm, steps)
    method.SetOptimizerScalesFromPhysicalShift()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return method


def nearest_rotation(axes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The orthogonal (3, 3) matrix nearest to one whose columns are axes of a grid; they may be of any length."""
    left, _, right = np.linalg.svd(axes / np.linalg.norm(axes, axis=0))
    rotation: npt.NDArray[np.float64] = left @ right
    return rotation


def as_affine(transform: "sitk.Transform") -> Affine:
    """A linear transform of SimpleITK, mm LPS+ -> mm LPS+, as (4, 4), mm RAS+ -> mm RAS+."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    result: Affine = np.eye(4)
    result[:3, :3], result[:3, 3] = np.stack(columns, axis=1), origin
    return LPS @ result @ LPS


def itk_transform_text(mm_to_mm: Affine) -> str:
    """A transform (4, 4), mm RAS+ -> mm RAS+, as a text file that ITK, ANTs and 3D Slicer read.

    By their convention the file that resamples images from A to B maps points of B to points of A: hand in that one.
    """
    lps = LPS @ mm_to_mm @ LPS
    numbers = " ".join(f"{value:.17g}" for value in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    return (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n"
    )
