"""Files: written atomically, beside their place and renamed, so that a killed process leaves no half file; volumes
read by one function, whatever they are of."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.temporary import temporary_path

if TYPE_CHECKING:
    from datasets.case import Affine, BoolArray, FloatArray


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path with the same suffixes; on success it is renamed to `path`, otherwise removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, with NaN refused (JSON has none: write null)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def save_nifti(path: Path, volume: "FloatArray | BoolArray", affine: "Affine") -> None:
    """Write a volume as NIfTI, atomically: float32, or uint8 for a mask."""
    import nibabel
    import numpy as np

    with atomic_path(path) as temporary:
        stored = volume.astype(np.uint8 if volume.dtype == bool else np.float32)
        nibabel.Nifti1Image(stored, affine).to_filename(temporary)


def read_volume(path: Path, finite: bool = True) -> "tuple[FloatArray, Affine]":
    """The one reader of images, labels, masks and anomaly maps.

    Args:
        path: A NIfTI file of one 3D volume; trailing axes of length 1 are dropped.
        finite: Refuse NaN and infinite values.

    Returns:
        The volume (X, Y, Z) as float32 with its scale slope applied, and its affine (4, 4), float64, voxel -> mm RAS+.

    Raises:
        BenchError: One sentence that names the file, when it cannot be used.
    """
    import nibabel
    import numpy as np
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    unreadable = (OSError, EOFError, ValueError, TypeError, zlib.error, ImageFileError, HeaderDataError)
    try:
        image = nibabel.load(path)
        volume: FloatArray = image.get_fdata(dtype=np.float32, caching="unchanged")
    except unreadable:
        raise BenchError(f"{path} cannot be read: it is damaged or no NIfTI file; copy it again.") from None
    while volume.ndim > 3 and volume.shape[-1] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        raise BenchError(f"{path} has {volume.ndim} dimensions {volume.shape}; keep one 3D volume.")
    if finite and not np.isfinite(volume).all():
        raise BenchError(f"{path} contains NaN or infinite values; replace them by 0.")
    affine = np.array(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise BenchError(f"{path} has no valid affine in its header; mend its sform or qform.")
    return volume, affine


def read_mask(path: Path) -> "tuple[BoolArray, Affine]":
    """A mask (X, Y, Z), the voxels of at least a half, and its affine; BenchError for a file that cannot be used."""
    volume, affine = read_volume(path)
    return volume >= 0.5, affine
