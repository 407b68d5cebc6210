"""Bias field correction: the slow shading of an image by the scanner's coils, by SimpleITK's N4 (Tustison 2010)."""

import numpy as np

from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.itk import itk_image

WORKING_MM = 6.0  # the field is slow: on voxels of this size it differs by 1 % from that found on 4 mm
ITERATIONS = (50, 50, 50)  # at most, at each of three resolutions of the field
DARKEST = 1e-3  # of the mean brightness: N4 takes logarithms


def bias_field(image: FloatArray, brain_mask: BoolArray, affine: Affine) -> FloatArray:
    """What an image (X, Y, Z) is to be divided by: smooth, 1 on average over the brain.

    One thread: no chance is involved.
    """
    import SimpleITK as sitk

    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    factors = [int(factor) for factor in np.maximum(1, np.round(WORKING_MM / spacing_mm))]
    least = DARKEST * float(image[brain_mask].mean())
    whole = itk_image(np.maximum(image, np.float32(least)), affine)
    mask = itk_image(brain_mask.astype(np.uint8), affine)
    correction = sitk.N4BiasFieldCorrectionImageFilter()
    correction.SetNumberOfThreads(1)
    correction.SetMaximumNumberOfIterations(ITERATIONS)
    correction.Execute(sitk.Shrink(whole, factors), sitk.Shrink(mask, factors))
    logarithm: FloatArray = sitk.GetArrayFromImage(correction.GetLogBiasFieldAsImage(whole)).T
    field: FloatArray = np.exp(logarithm - logarithm[brain_mask].mean()).astype(np.float32)
    return field
