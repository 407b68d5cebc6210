"""How blurred an image is, read off its edges."""

import numpy as np

from datasets.case import BoolArray, FloatArray

REACH = 3  # voxels to each side of an edge within which its two plateaus are looked for
STRONG_EDGE = 0.3  # of the brain's intensity range: weaker edges are noise or partial volume
FACING = 0.9  # cosine between an edge and the axis along which it is measured
SHARPEST = 75  # percentile of the edges: anatomy is gradual at others
FWHM_PER_SD = float(2 * np.sqrt(2 * np.log(2)))


def estimate_fwhm_mm(image: FloatArray, brain_mask: BoolArray, spacing_mm: tuple[float, float, float]) -> float:
    """Full width at half maximum, in mm, of the blur in an image (X, Y, Z), averaged over the axes.

    A step of height h blurred by a Gaussian of standard deviation s climbs by h erf(d / (s sqrt 2)) between
    two voxels at distance d to its sides. That share of the height is measured at strong edges that face an axis,
    and its upper quartile is solved for s. Standard deviations below half a voxel cannot be told apart.
    """
    from scipy import ndimage
    from scipy.special import erfinv

    inside = ndimage.binary_erosion(brain_mask, iterations=REACH)
    low, high = np.percentile(image[brain_mask], [1, 99])
    climbs = [np.abs(np.roll(image, -1, axis) - np.roll(image, 1, axis)) for axis in range(3)]
    steepness = np.sqrt(sum((climb / spacing) ** 2 for climb, spacing in zip(climbs, spacing_mm, strict=True)))
    widths = []
    for axis, spacing in enumerate(spacing_mm):
        window = [1, 1, 1]
        window[axis] = 2 * REACH + 1
        lowest = ndimage.minimum_filter(image, window)
        height = ndimage.maximum_filter(image, window) - lowest
        climb = climbs[axis]
        at_middle = np.abs(image - lowest - height / 2) < 0.1 * height
        facing = climb / spacing > FACING * steepness  # oblique edges look wider than they are
        edges = inside & at_middle & facing & (height > STRONG_EDGE * (high - low))
        if edges.any():
            share = np.clip(np.percentile(climb[edges] / height[edges], SHARPEST), 0.05, 0.99)
            widths.append(spacing * FWHM_PER_SD / (np.sqrt(2) * erfinv(share)))
    return float(np.mean(widths)) if widths else FWHM_PER_SD * float(np.mean(spacing_mm)) / 2
