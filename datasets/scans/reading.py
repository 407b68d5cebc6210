"""Read one subject's NIfTI files and refuse what cannot be used, each time with one sentence."""

from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.files import read_mask, read_volume, space_of
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.grids import SAME_VOXELS_OF_MASKS, check_same_grid
from datasets.preparing.preparation import Scan, corner_value
from datasets.preparing.resampling import resample
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.names import says_t1w

VERSION = 1  # part of fingerprints: raise it when brain masks or intensities are read differently
CHECKS = 2  # part of what is remembered of subjects: raise it when what is refused changes
LARGEST_FIELD_MM = 1000  # no head scan is longer: then its header names the wrong unit or voxel size
LEAST_COVERAGE = 0.9  # share of the brain of the first channel that every other channel must show
LARGEST_BRAIN_ML = 3000  # brains in template space reach 2500; whole heads begin at about 3500


def read_scan(files: SubjectFiles, channels: tuple[str, ...]) -> Scan:
    """One subject on the grid of its first channel. BenchError, naming the file, when it cannot be used."""
    path = files.images[channels[0]]
    first, affine = read_image(path)
    drawn = drawn_mask(files.brain_mask, path, first.shape, affine) if files.brain_mask else None
    images, brains = [first], [extracted_brain(first, path, affine) if drawn is None else drawn]
    for channel in channels[1:]:
        other_path = files.images[channel]
        other, other_affine = read_image(other_path)
        if drawn is None:
            brain = extracted_brain(other, other_path, other_affine)
            brains.append(resample(brain, other_affine, affine, first.shape))
        outside = corner_value(other) or 0.0
        other = resample(other, other_affine, affine, first.shape, outside)
        check_coverage(other != outside, other_path, first, brains[0], path)
        images.append(other)
    brain_mask = np.any(brains, axis=0)
    lesion_mask = None
    if files.lesion_mask:
        lesion_mask = drawn_mask(files.lesion_mask, path, first.shape, affine)
        if not (lesion_mask & brain_mask).any():
            raise BenchError(f"{files.lesion_mask} lies outside the brain; check its place.")
    return Scan(files.id, np.stack(images), brain_mask, lesion_mask, affine, channels, space_of(path))


def read_image(path: Path) -> tuple[FloatArray, Affine]:
    """A volume with something in it, of a size that a head may have."""
    volume, affine = read_volume(path)
    if np.ptp(volume) == 0:
        raise BenchError(f"{path} is empty: all its voxels have one value; remove or replace it.")
    longest_mm = (volume.shape * np.linalg.norm(affine[:3, :3], axis=0)).max()
    if longest_mm > LARGEST_FIELD_MM:
        raise BenchError(
            f"{path} is {longest_mm / 1000:.4g} m long by its header; mend its voxel size or unit (xyzt_units)."
        )
    return volume, affine


def check_coverage(shown: BoolArray, path: Path, first: FloatArray, brain: BoolArray, first_path: Path) -> None:
    """BenchError when a further channel shows too little of the brain of the first one.

    shown: where it differs from its background, on the first channel's grid. brain: if a mask larger than what the
    first channel shows was drawn, only what it shows counts.
    """
    background = corner_value(first)
    seen = brain if background is None else brain & (first != background)
    covered = float(np.mean(shown[seen])) if seen.any() else 0.0
    if covered == 0:
        raise BenchError(f"{path} does not overlap {first_path.name}; register one to the other.")
    if covered < LEAST_COVERAGE:
        raise BenchError(
            f"{path} shows only {100 * covered:.0f} % of the brain of {first_path.name}, at least "
            f"{100 * LEAST_COVERAGE:.0f} % are needed; remove it, or register one to the other."
        )


def drawn_mask(path: Path, image_path: Path, shape: tuple[int, ...], affine: Affine) -> BoolArray:
    """A mask on the grid of an image, with something in it."""
    mask, mask_affine = read_mask(path)
    check_same_grid(path, mask.shape, mask_affine, image_path.name, shape, affine, SAME_VOXELS_OF_MASKS)
    if not mask.any():
        raise BenchError(f"{path} has no voxel set; draw the mask or remove the file.")
    return mask


def read_brain(path: Path) -> tuple[BoolArray, Affine]:
    """A brain mask (X, Y, Z), or that of a brain-extracted image, and its affine. BenchError when unusable."""
    if not says_t1w(path):
        return read_mask(path)
    image, affine = read_image(path)
    return extracted_brain(image, path, affine), affine


def extracted_brain(image: FloatArray, path: Path, affine: Affine) -> BoolArray:
    """The voxels above background of a brain-extracted image; BenchError for a whole head.

    Where over 1 % of the voxels lie below background, the image was normalised: then all that differ from it.
    """
    background = corner_value(image)
    advice = "run a brain extraction first (such as HD-BET or SynthStrip) or put a brain mask beside it"
    if background is None:
        raise BenchError(f"{path} is not brain-extracted: its background is not constant; {advice}.")
    below = np.count_nonzero(image < background) / np.count_nonzero(image != background)
    brain: BoolArray = image != background if below > 0.01 else image > background
    volume_ml = brain.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000
    if volume_ml > LARGEST_BRAIN_ML:
        raise BenchError(f"{path} seems to be a whole head ({volume_ml / 1000:.1f} litres above background); {advice}.")
    return brain
