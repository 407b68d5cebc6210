"""The default lesion generator, after 3D Slicer's MSLesionSimulator (da S Senra Filho 2019) and the paper, section 4.1.

docs/datasets.md says what is done at each stage, from mask to intensities.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.seeds import numpy_generator
from datasets.case import Affine, BoolArray, FloatArray
from datasets.lesions.generator import LesionGenerator
from datasets.lesions.masks import draw_masks, subject_lesions
from datasets.lesions.resolution import FWHM_PER_SD, estimate_fwhm_mm
from datasets.lesions.sets import DEFAULT_GENERATOR
from datasets.lesions.settings import LesionSettings
from datasets.lesions.shapes import lesion_shapes
from datasets.preparing.preparation import Scan

WHITE_MATTER_SD = 1.5
OFFSET_SD = 0.5
SMOOTHING_MM = 0.75


class Ratio(NamedTuple):
    """Intensity of a lesion over that of the tissue before."""

    mean: float
    sd: float


RATIOS = {  # da S Senra Filho 2019
    "T1w": Ratio(0.791, 0.139),
    "T2w": Ratio(1.374, 0.353),
    "FLAIR": Ratio(1.323, 0.068),
    "PDw": Ratio(1.328, 0.133),
}


class MSLesionSimulator(LesionGenerator):
    """Multiple sclerosis lesions in white matter: masks drawn in MNI152 space, intensities by channel."""

    name = DEFAULT_GENERATOR
    version = 3

    def simulate(self, scan: Scan, settings: LesionSettings, seed: int) -> tuple[FloatArray, BoolArray]:
        """As `LesionGenerator.simulate` says; the mask holds the voxels that any channel was changed at.

        BenchError for channels other than those of `RATIOS`, for an unusable atlas, and when no lesion fits. Equal
        seeds give equal masks in all sets.
        """
        for channel in scan.channels:
            if channel not in RATIOS:
                raise BenchError(
                    f"Lesions cannot be simulated in the channel {channel}; use some of {', '.join(RATIOS)}."
                )
        shapes = lesion_shapes(settings.atlas)
        rng = numpy_generator(seed, "lesion masks")
        drawn = subject_lesions(shapes, settings.lesion_load_ml, scan.brain_mask, scan.affine, rng)
        blurred, noisy = settings.lesion_set.blurred, settings.lesion_set.noisy
        changed = np.zeros_like(drawn)
        result = scan.images.astype(np.float32)
        for image, channel in zip(result, scan.channels, strict=True):
            kept = white_matter_part(image, drawn)
            changed |= kept
            sigma_mm = soft_sigma_mm(image, scan, settings.soft_fwhm_mm) if blurred else SMOOTHING_MM
            field = lesion_field(kept, RATIOS[channel], sigma_mm / spacing_mm(scan.affine), seed, channel, noisy)
            image[scan.brain_mask] *= field[scan.brain_mask]
        return result, changed

    def check(self, settings: LesionSettings, seeds: Sequence[int]) -> None:
        """Read the masks of an atlas that these cases will draw; they do not depend on the scans."""
        if settings.atlas is None:
            return
        shapes = lesion_shapes(settings.atlas)
        for seed in seeds:
            draw_masks(shapes, settings.lesion_load_ml * 1000, numpy_generator(seed, "lesion masks"))


def spacing_mm(affine: Affine) -> FloatArray:
    """Voxel size along each axis, (3,)."""
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0), dtype=np.float32)


def white_matter_part(image: FloatArray, mask: BoolArray) -> BoolArray:
    """The voxels of the mask whose intensity is near the mean under it (stage 2 of the simulator)."""
    under = image[mask]
    near: BoolArray = np.abs(image - under.mean()) <= WHITE_MATTER_SD * under.std()
    return mask & near


def lesion_field(
    mask: BoolArray, ratio: Ratio, sigma_voxels: FloatArray, seed: int, channel: str, noisy: bool
) -> FloatArray:
    """What the image is multiplied by, (X, Y, Z): 1 outside lesions, a ratio of its own in each (stage 3).

    Voxels that share a face belong to one lesion, as in the simulator's filter.
    """
    from scipy import ndimage

    lesions, count = ndimage.label(mask)
    offsets = lesion_offsets(count, OFFSET_SD * ratio.sd, numpy_generator(seed, "lesion offsets", channel))
    field = np.ones(mask.shape, dtype=np.float32)
    field[mask] = ratio.mean + offsets[lesions[mask] - 1]
    if noisy:
        noise = numpy_generator(seed, "lesion noise", channel).standard_normal(int(mask.sum()))
        field[mask] += (ratio.sd * noise).astype(np.float32)
    smoothed: FloatArray = ndimage.gaussian_filter(field, sigma_voxels)
    return smoothed


def lesion_offsets(count: int, limit: float, rng: np.random.Generator) -> FloatArray:
    """One offset per lesion, (count,): standard normal, drawn again until it lies within the limit."""
    offsets = rng.standard_normal(count)
    while (beyond := np.abs(offsets) > limit).any():
        offsets[beyond] = rng.standard_normal(int(beyond.sum()))
    return offsets.astype(np.float32)


def soft_sigma_mm(image: FloatArray, scan: Scan, fwhm_mm: float | None) -> float:
    """Standard deviation of the blur of the set soft: the one that is asked for, or the image's own, which is then
    never below the simulator's."""
    if fwhm_mm is not None:
        return fwhm_mm / FWHM_PER_SD
    x, y, z = (float(size) for size in spacing_mm(scan.affine))
    return max(SMOOTHING_MM, estimate_fwhm_mm(image, scan.brain_mask, (x, y, z)) / FWHM_PER_SD)
