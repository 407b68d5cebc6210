"""Read one subject's NIfTI files and refuse what cannot be used, each time with one sentence."""

from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.files import read_mask, read_volume
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.grids import SAME_VOXELS_OF_MASKS, check_same_grid
from datasets.preparing.preparation import Scan, corner_value
from datasets.preparing.resampling import resample
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.names import says_t1w

VERSION = 1  # part of fingerprints: raise it when brain masks or intensities are read differently
LARGEST_BRAIN_ML = 3000  # brains in template space reach 2500; whole heads begin at about 3500


def read_scan(files: SubjectFiles, channels: tuple[str, ...]) -> Scan:
    """One subject on the grid of its first channel. BenchError, naming the file, when it cannot be used."""
    path = files.images[channels[0]]
    first, affine = read_image(path)
    images, brains = [first], [extracted_brain(first, path, affine)] if not files.brain_mask else []
    for channel in channels[1:]:
        other_path = files.images[channel]
        other, other_affine = read_image(other_path)
        if not files.brain_mask:
            brain = extracted_brain(other, other_path, other_affine)
            brains.append(resample(brain, other_affine, affine, first.shape))
        other = resample(other, other_affine, affine, first.shape, outside=corner_value(other) or 0.0)
        if np.ptp(other) == 0:
            raise BenchError(f"{other_path} does not overlap {path.name}; register one to the other.")
        images.append(other)
    drawn = files.brain_mask
    brain_mask = drawn_mask(drawn, path, first.shape, affine) if drawn else np.any(brains, axis=0)
    lesion_mask = None
    if files.lesion_mask:
        lesion_mask = drawn_mask(files.lesion_mask, path, first.shape, affine)
        if not (lesion_mask & brain_mask).any():
            raise BenchError(f"{files.lesion_mask} lies outside the brain; check its place.")
    return Scan(files.id, np.stack(images), brain_mask, lesion_mask, affine, channels)


def read_image(path: Path) -> tuple[FloatArray, Affine]:
    """A volume with something in it."""
    volume, affine = read_volume(path)
    if volume.size == 0 or np.ptp(volume) == 0:
        raise BenchError(f"{path} is empty: all its voxels have one value; remove or replace it.")
    return volume, affine


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
