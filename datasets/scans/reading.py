"""Read one subject's NIfTI files and refuse what cannot be used, each time with one sentence."""

import zlib
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.preparation import Scan, corner_value
from datasets.preparing.resampling import resample
from datasets.scans.bids_layout import SubjectFiles

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
    brain_mask = read_mask(drawn, path, first, affine) if drawn else np.any(brains, axis=0)
    lesion_mask = None
    if files.lesion_mask:
        lesion_mask = read_mask(files.lesion_mask, path, first, affine)
        if not (lesion_mask & brain_mask).any():
            raise BenchError(f"{files.lesion_mask} lies outside the brain; check its place.")
    return Scan(files.id, np.stack(images), brain_mask, lesion_mask, affine, channels)


def read_volume(path: Path) -> tuple[FloatArray, Affine]:
    """A 3D NIfTI file as float32, its scale slope applied, and its affine."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    unreadable = (OSError, EOFError, ValueError, TypeError, zlib.error, ImageFileError, HeaderDataError)
    try:
        image = nibabel.load(path)
        volume = image.get_fdata(dtype=np.float32, caching="unchanged")
    except unreadable:
        raise BenchError(f"{path} cannot be read: it is damaged or no NIfTI file; copy it again.") from None
    while volume.ndim > 3 and volume.shape[-1] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        raise BenchError(f"{path} has {volume.ndim} dimensions {volume.shape}; keep one 3D volume.")
    if not np.isfinite(volume).all():
        raise BenchError(f"{path} contains NaN or infinite values; replace them by 0.")
    affine = np.array(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise BenchError(f"{path} has no valid affine in its header; mend its sform or qform.")
    return volume, affine


def read_image(path: Path) -> tuple[FloatArray, Affine]:
    """A volume with something in it."""
    volume, affine = read_volume(path)
    if volume.size == 0 or np.ptp(volume) == 0:
        raise BenchError(f"{path} is empty: all its voxels have one value; remove or replace it.")
    return volume, affine


def read_mask(path: Path, image_path: Path, image: FloatArray, affine: Affine) -> BoolArray:
    """A mask (voxels of at least 0.5) on the grid of an image."""
    volume, mask_affine = read_volume(path)
    if volume.shape != image.shape:
        raise BenchError(
            f"{path} has the shape {volume.shape} but {image_path.name} has {image.shape}; resample the mask."
        )
    corners = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)]) * [*(np.array(image.shape) - 1), 1]
    apart_voxels = np.abs(corners @ (np.linalg.inv(affine) @ mask_affine - np.eye(4)).T).max()
    if apart_voxels > 0.5:
        raise BenchError(f"{path} and {image_path.name} have different affines; resample the mask.")
    mask: BoolArray = volume >= 0.5
    if not mask.any():
        raise BenchError(f"{path} has no voxel set; draw the mask or remove the file.")
    return mask


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
