"""Files: written atomically, beside their place and renamed, so that a killed process leaves no half file; volumes
read by one function, whatever they are of."""

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import BenchError
from bench.temporary import temporary_path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from nibabel import Nifti1Header, Nifti1Image

    from datasets.case import Affine, BoolArray, FloatArray, ScoreArray

FloatT = TypeVar("FloatT", "FloatArray", "npt.NDArray[np.float64]")

GZIP = b"\x1f\x8b"  # how a compressed file begins
LARGEST_RATIO = 1032  # deflate never packs tighter
LARGEST_SHIFT = 1e-4  # of the range of an image's values, when single precision rounds them
ALIGNED, MNI152 = 2, 4  # NIfTI's codes of spaces: that of another file, that of the template
UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # NIfTI's codes of the units of length: metre, millimetre, micron


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


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """What a pattern finds below a folder, sorted, without hidden files and what lies in hidden folders.

    Hidden are the ._x.nii.gz of macOS, say, and what killed processes left half written.
    """
    found = sorted(folder.glob(pattern))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def save_nifti(path: Path, volume: "ScoreArray | BoolArray", affine: "Affine", space: int = ALIGNED) -> None:
    """Write a volume as NIfTI in mm, atomically: float64 as it is, other numbers as float32, a mask as uint8.

    space: NIfTI's code of what the affine leads to, for sform and qform, as `space_of` reads it from another file.
    """
    import nibabel
    import numpy as np

    stored_as = {np.dtype(bool): np.uint8, np.dtype(np.float64): np.float64}.get(volume.dtype, np.float32)
    image = nibabel.Nifti1Image(volume.astype(stored_as), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(affine, space)  # without the shear that an affine may have, which it has no place for
    image.set_sform(affine, space)
    with atomic_path(path) as temporary:
        image.to_filename(temporary)


def space_of(path: Path) -> int:
    """NIfTI's code of what the affine of a file leads to: 1 scanner, 2 another file's space, 3 Talairach, 4 MNI152; 2
    where the header does not say. The file must be one that `read_volume` reads."""
    with path.open("rb") as file:
        _, header = _header(path, file.read(4096))
    return int(header["sform_code"]) or int(header["qform_code"]) or ALIGNED


def read_volume(path: Path, finite: bool = True) -> "tuple[FloatArray, Affine]":
    """An image in single precision.

    Args:
        path: A NIfTI file of one 3D volume; trailing axes of length 1 are dropped.
        finite: Refuse NaN and infinite values.

    Returns:
        The volume (X, Y, Z) as float32 with its scale slope applied, and its affine (4, 4), float64, voxel -> mm RAS+.

    Raises:
        BenchError: One sentence that names the file, when it cannot be used.
    """
    import numpy as np

    image = _opened(path)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is seen
        volume: FloatArray = image.get_fdata(dtype=np.float32, caching="unchanged")
    if not np.can_cast(image.get_data_dtype(), np.float32):
        _check_precision(path, volume, image.get_fdata(caching="unchanged"))
    return _three_axes(path, volume, finite), _affine_mm(path, image)


def read_scores(path: Path) -> "tuple[ScoreArray, Affine]":
    """An anomaly map (X, Y, Z), and its affine in mm: float32 where that holds its values, otherwise float64.

    NaN and infinite values are left to the caller. BenchError for a file that cannot be used.
    """
    import numpy as np

    image = _opened(path)
    volume = image.get_fdata(caching="unchanged")
    stored = image.get_data_dtype()
    if stored.itemsize > 8 or (stored.kind in "iu" and stored.itemsize == 8):
        differing, left = (len(np.unique(values)) for values in (np.asanyarray(image.dataobj), volume))
        if left < differing:
            raise BenchError(
                f"{path} holds {stored} values that become equal in double precision, {left} of {differing} are left; "
                "store it as float64."
            )
    volume = _three_axes(path, volume, finite=False)
    with np.errstate(over="ignore"):
        single = volume.astype(np.float32)
    return single if np.array_equal(single, volume, equal_nan=True) else volume, _affine_mm(path, image)


def read_mask(path: Path) -> "tuple[BoolArray, Affine]":
    """A mask (X, Y, Z), the voxels of at least a half, and its affine in mm.

    BenchError for a file that cannot be used, and for one with values of which none reaches a half.
    """
    import numpy as np

    image = _opened(path)
    volume = _three_axes(path, image.get_fdata(caching="unchanged"), finite=True)
    mask: BoolArray = volume >= 0.5
    if not mask.any() and volume.any():
        furthest = float(volume.flat[np.abs(volume).argmax()])
        raise BenchError(
            f"{path} has values, such as {furthest:.4g}, but none reaches 0.5; is it scaled? Store 0 and 1."
        )
    return mask, _affine_mm(path, image)


def _opened(path: Path) -> "Nifti1Image":
    """A NIfTI file of real numbers, read to its end, so that its checksum counts; compressed if its content is."""
    from nibabel.spatialimages import HeaderDataError

    if not path.is_file():
        raise BenchError(f"{path} cannot be opened; fetch its content if it is a link.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be opened: {error.strerror}.") from None
    if not raw:
        raise BenchError(f"{path} has no content, 0 bytes; copy it again.")
    compressed = raw.startswith(GZIP)
    try:
        kind, header = _header(path, raw)
        _check_header(path, header, len(raw) * LARGEST_RATIO if compressed else len(raw))
        content = gzip.decompress(raw) if compressed else raw
        _check_header(path, header, len(content))
        return kind.from_bytes(content)
    except (OSError, EOFError, zlib.error):  # of gzip
        raise BenchError(f"{path} is damaged or incomplete: gzip cannot unpack it; copy it again.") from None
    except (HeaderDataError, ValueError, TypeError, KeyError) as error:
        raise BenchError(f"{path} has a damaged NIfTI header ({error}); copy it again.") from None


def _header(path: Path, raw: bytes) -> "tuple[type[Nifti1Image], Nifti1Header]":
    """The kind of image that a file is by its beginning, compressed or not, and its header. BenchError if none."""
    import nibabel

    start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, 540) if raw.startswith(GZIP) else raw[:540]
    kinds: list[type[Nifti1Image]] = [nibabel.Nifti1Image, nibabel.Nifti2Image]
    kind = next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)
    if kind is None:
        raise BenchError(f"{path} is no NIfTI file; convert it, or copy it again if it was one.")
    return kind, kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)


def _check_header(path: Path, header: "Nifti1Header", at_most_bytes: int) -> None:
    """BenchError unless the header promises real numbers, and no more than the file can hold."""
    shape, kind = header.get_data_shape(), header.get_data_dtype()
    if kind.kind not in "iuf":
        label = header.get_value_label("datatype")
        raise BenchError(f"{path} holds {label} values; store one real number a voxel, as float32 say.")
    if min(shape, default=0) < 1:
        raise BenchError(f"{path} has a shape without voxels, {shape}; export it again.")
    promised_bytes = math.prod(int(n) for n in shape) * kind.itemsize + int(header.get_data_offset())
    if promised_bytes > at_most_bytes:
        raise BenchError(
            f"{path} ends early: its header promises {shape} voxels of {kind}, which its content is too short for; "
            "copy it again."
        )


def _check_precision(path: Path, single: "FloatArray", double: "npt.NDArray[np.float64]") -> None:
    """BenchError when single precision shifts values by a noticeable part of their range."""
    import numpy as np

    inside = double != double.flat[0]  # not the background, which may lie far from all other values
    if not inside.any():
        return
    low, high = double[inside].min(), double[inside].max()
    with np.errstate(invalid="ignore"):
        shift = np.abs(single - double).max()
    if shift > LARGEST_SHIFT * (high - low) > 0:
        raise BenchError(
            f"{path} has values from {low:.12g} to {high:.12g}, which single precision cannot tell apart; "
            "subtract an offset, or scale them."
        )


def _three_axes(path: Path, volume: FloatT, finite: bool) -> FloatT:
    """The volume (X, Y, Z) without trailing axes of length 1. BenchError when it has others, or not finite values."""
    import numpy as np

    while volume.ndim > 3 and volume.shape[-1] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3:
        raise BenchError(f"{path} has {volume.ndim} dimensions {volume.shape}; keep one 3D volume.")
    if finite and not np.isfinite(volume).all():
        raise BenchError(f"{path} contains NaN or infinite values; replace them by 0.")
    return volume


def _affine_mm(path: Path, image: "Nifti1Image") -> "Affine":
    """Its affine (4, 4), voxel -> mm RAS+, whatever unit of length the header names; mm where it names none."""
    import numpy as np

    affine = np.array(image.affine, dtype=np.float64)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-6 * np.prod(sizes)):
        raise BenchError(f"{path} has no valid affine in its header; mend its sform or qform.")
    affine[:3] *= UNIT_MM.get(int(image.header["xyzt_units"]) % 8, 1.0)
    return affine
