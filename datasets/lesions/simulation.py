"""Simulated lesions: settings, and the simulator's stages from mask to intensities.

After da S Senra Filho 2019 (3D Slicer's MSLesionSimulator) and the paper's section 4.1; docs/datasets.md says
what is done at each stage.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError
from bench.seeds import numpy_generator
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.preparation import PERCENTILES, background_level

VERSION = 2  # part of fingerprints: raise it when simulated lesions change
WHITE_MATTER_SD = 1.5
OFFSET_SD = 0.5
SMOOTHING_MM = 0.75
FWHM_PER_SD = float(2 * np.sqrt(2 * np.log(2)))
TOUCHING = np.ones((3, 3, 3))  # voxels that share a face, an edge or a corner belong to one lesion


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


class LesionSettings(BaseModel):
    """How lesions are put into healthy scans. All sets but none have the same masks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: Literal["paper", "plain", "soft", "none"] = Field(
        "paper",
        description="paper: enhanced; plain: not enhanced; soft: not enhanced, no noise, blurred; none: no lesion",
    )
    lesion_load_ml: float = Field(20.0, ge=0.5, le=200, description="volume of all lesions in MNI152 space, in ml")
    enhancement: float = Field(
        1.5, ge=1, le=5, description="factor on the scaled intensities of lesion voxels, in the set paper"
    )
    atlas: Path | None = Field(
        None, description="folder of real lesion masks, SIZECLASS/N.nii.gz; None for procedural shapes"
    )
    soft_fwhm_mm: float | None = Field(
        None, gt=0, le=10, description="blur of the set soft in mm; None to estimate it from the image"
    )


def described(settings: LesionSettings) -> str:
    """One line about a lesion set, for the description of a dataset."""
    if settings.set == "none":
        return "none, the test cases stay healthy"
    shapes = "real shapes" if settings.atlas else "procedural shapes"
    return f"simulated, set {settings.set}, {settings.lesion_load_ml:g} ml, {shapes}"


def simulate_lesions(
    images: FloatArray,
    brain_mask: BoolArray,
    affine: Affine,
    channels: tuple[str, ...],
    settings: LesionSettings,
    seed: int,
) -> tuple[FloatArray, BoolArray]:
    """A healthy scan with lesions, and their mask (X, Y, Z): the voxels that any channel was changed at.

    images: (C, X, Y, Z) intensities as they come, on the scan's own grid; affine: voxel -> mm RAS+.
    channels: of T1w, T2w, FLAIR, PDw. BenchError for other channels, for an unusable atlas, and when no lesion
    fits. Equal seeds give equal masks in all sets but "none", where the scan stays as it is and the mask is empty.
    """
    from datasets.lesions.masks import subject_lesions
    from datasets.lesions.shapes import lesion_shapes

    if settings.set == "none":
        return images.astype(np.float32), np.zeros_like(brain_mask)
    for channel in channels:
        if channel not in RATIOS:
            raise BenchError(f"Lesions cannot be simulated in the channel {channel}; use some of {', '.join(RATIOS)}.")
    shapes = lesion_shapes(settings.atlas)
    rng = numpy_generator(seed, "lesion masks")
    drawn = subject_lesions(shapes, settings.lesion_load_ml, brain_mask, affine, rng)
    changed = np.zeros_like(drawn)
    result = images.astype(np.float32)
    for image, channel in zip(result, channels, strict=True):
        kept = white_matter_part(image, drawn)
        changed |= kept
        sigma_mm = SMOOTHING_MM if settings.set != "soft" else soft_sigma_mm(image, brain_mask, affine, settings)
        field = lesion_field(
            kept, RATIOS[channel], sigma_mm / spacing_mm(affine), seed, channel, noisy=settings.set != "soft"
        )
        image[brain_mask] *= field[brain_mask]
    if settings.set == "paper":
        for image in result:
            enhance(image, brain_mask, changed, settings.enhancement)
    return result, changed


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
    """What the image is multiplied by, (X, Y, Z): 1 outside lesions, a ratio of its own in each (stage 3)."""
    from scipy import ndimage

    lesions, count = ndimage.label(mask, TOUCHING)
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


def soft_sigma_mm(image: FloatArray, brain_mask: BoolArray, affine: Affine, settings: LesionSettings) -> float:
    """Standard deviation of the blur of the set soft: the image's own, and never below the simulator's."""
    from datasets.lesions.resolution import estimate_fwhm_mm

    if settings.soft_fwhm_mm is not None:
        return settings.soft_fwhm_mm / FWHM_PER_SD
    x, y, z = (float(size) for size in spacing_mm(affine))
    return max(SMOOTHING_MM, estimate_fwhm_mm(image, brain_mask, (x, y, z)) / FWHM_PER_SD)


def enhance(image: FloatArray, brain_mask: BoolArray, lesion_mask: BoolArray, factor: float) -> None:
    """Multiply the lesion voxels of the scaled image, in place (stage 4).

    The image (X, Y, Z) is scaled to [-1, 1] as preparation does, multiplied, clipped, and scaled back. What lies
    beyond a percentile stays there, and nothing else passes it, so preparing the result finds the same percentiles.
    """
    filled = np.where(brain_mask, image, np.float32(background_level(image, brain_mask)))
    low, high = np.percentile(filled, PERCENTILES)
    between = lesion_mask & (image >= low) & (image <= high)
    scaled = (image[between] - low) / (high - low) * 2 - 1
    enhanced = low + (factor * scaled + 1) / 2 * (high - low)
    image[between] = np.clip(enhanced, filled[filled >= low].min(), filled[filled <= high].max())
