"""Enhancement, the last stage of simulated lesions: the authors multiply lesion voxels of the image scaled to [-1, 1].

It is done here for all lesion generators, in the lesion sets that say so. Nothing is clipped afterwards.
"""

from dataclasses import replace

import numpy as np

from datasets.case import Case
from datasets.lesions.settings import LesionSettings
from datasets.preparing.preparation import PERCENTILES, Scan, background_level

VERSION = 2  # part of fingerprints: raise it when enhanced images change


def enhanced_case(case: Case, settings: LesionSettings) -> Case:
    """The prepared case, its lesion voxels multiplied in all channels: up to 1.5 (and down to -1.5) by default."""
    if not settings.lesion_set.enhance or case.lesion_mask is None:
        return case
    image = case.image.copy()
    image[:, case.lesion_mask & case.brain_mask] *= np.float32(settings.enhancement)
    return replace(case, image=image)


def enhanced_scan(scan: Scan, settings: LesionSettings) -> Scan:
    """The same on a scan's own grid and scale of intensities, for images that are written.

    Preparing them gives nearly what `enhanced_case` does. It finds other percentiles, as bright lesions are among the
    brightest voxels now, and clips what lies beyond them.
    """
    if not settings.lesion_set.enhance or scan.lesion_mask is None:
        return scan
    images = scan.images.copy()
    for image in images:
        filled = np.where(scan.brain_mask, image, np.float32(background_level(image, scan.brain_mask)))
        low, high = np.percentile(filled, PERCENTILES)  # -1 and 1 of the prepared image
        inside, middle = scan.lesion_mask & scan.brain_mask, (low + high) / 2
        image[inside] = middle + settings.enhancement * (np.clip(image[inside], low, high) - middle)
    return replace(scan, images=images)
