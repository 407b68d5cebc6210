"""300 broken inputs against `evaluate`, `run` and `simulate-lesions`: each is named in a sentence, nothing is changed.

python -m pytest -m slow tests/robustness/test_broken_inputs.py        # all, with a table of counts at the end
python -m pytest -m slow tests/robustness/test_broken_inputs.py -k "evaluate-map-bytes"
"""

import gzip
import io
import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.robustness.conftest import check
from tests.robustness.faults import Broken
from tests.robustness.inputs import copy_input

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_mlflow")]

Damage = Callable[[Path, random.Random], object]


def flipped(where: str) -> Damage:
    """One bit of a compressed file: of its data, or of the checksum or the length that end it."""

    def damage(path: Path, rng: random.Random) -> None:
        content = path.read_bytes()
        start = 10 + (content[10:].index(0) + 1 if content[3] & 8 else 0)  # past the name in the header of gzip
        begin, end = {"data": (start, -8), "checksum": (-8, -4), "length": (-4, 0)}[where]
        broken = content
        while decompressed(broken) == decompressed(content):  # some bits of the data mean nothing
            place = rng.randrange(begin, end + (len(content) if where == "data" else 0))
            bit = bytes([content[place] ^ 1 << rng.randrange(8)])
            broken = content[:place] + bit + content[place:][1:]
        path.write_bytes(broken)

    return damage


def decompressed(content: bytes) -> bytes | None:
    """None for a file that gzip refuses."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return None


def overwritten(path: Path, rng: random.Random) -> None:
    """64 bytes of noise in the middle."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = rng.randbytes(64)
    path.write_bytes(content)


def cut(length: Callable[[int], int]) -> Damage:
    """An unfinished download."""
    return lambda path, rng: path.write_bytes(path.read_bytes()[: length(path.stat().st_size)])


def replaced(content: bytes) -> Damage:
    """Something else under the name."""
    return lambda path, rng: path.write_bytes(content)


def header(offset: int, layout: str, *values: float) -> Damage:
    """Fields of the NIfTI header, in a file that is otherwise whole."""

    def damage(path: Path, rng: random.Random) -> None:
        content = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into(f"<{layout}", content, offset, *values)
        path.write_bytes(gzip.compress(bytes(content)))

    return damage


def rewritten(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Another volume with the same affine."""

    def damage(path: Path, rng: random.Random) -> None:
        image = nibabel.load(path)
        volume = change(np.asarray(image.dataobj).astype(np.float32))
        nibabel.Nifti1Image(volume, image.affine).to_filename(path)

    return damage


def with_values(*values: float) -> Damage:
    """These values in the middle of the volume."""

    def change(volume: np.ndarray) -> np.ndarray:
        volume[9 : 9 + len(values), 8, 8] = values
        return volume

    return rewritten(change)


def colours(volume: np.ndarray) -> np.ndarray:
    """RGB."""
    return np.zeros(volume.shape, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))


def zipped() -> bytes:
    """A zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("sub-2.nii", b"\0" * 1000)
    return content.getvalue()


def elsewhere(path: Path, rng: random.Random) -> None:
    """A link to the same file in another place."""
    target = path.rename(path.parents[1] / "elsewhere.dat")
    path.symlink_to(target)


def instead(make: Callable[[Path], object]) -> Damage:
    """Something that is no file."""

    def damage(path: Path, rng: random.Random) -> None:
        path.unlink()
        make(path)

    return damage


FILES: dict[tuple[str, str], tuple[Damage, str]] = {
    **{("bytes", f"flip{index}"): (flipped("data"), "refuse") for index in range(6)},
    ("bytes", "checksum"): (flipped("checksum"), "refuse"),
    ("bytes", "length"): (flipped("length"), "refuse"),
    ("bytes", "overwritten"): (overwritten, "refuse"),
    ("bytes", "magic"): (header(344, "4s", b"n+9\0"), "refuse"),  # type: ignore[arg-type]
    ("truncated", "empty"): (cut(lambda size: 0), "refuse"),
    ("truncated", "one byte"): (cut(lambda size: 1), "refuse"),
    ("truncated", "header"): (cut(lambda size: 60), "refuse"),
    ("truncated", "half"): (cut(lambda size: size // 2), "refuse"),
    ("truncated", "last tenth"): (cut(lambda size: size * 9 // 10), "refuse"),
    ("truncated", "trailer"): (cut(lambda size: size - 8), "refuse"),
    ("truncated", "last byte"): (cut(lambda size: size - 1), "refuse"),
    ("types", "text"): (replaced(b"see the shared drive\n"), "refuse"),
    ("types", "json"): (replaced(b'{"RepetitionTime": 2.5}'), "refuse"),
    ("types", "png"): (replaced(b"\x89PNG\r\n\x1a\n" + bytes(200)), "refuse"),
    ("types", "html"): (replaced(b"<!DOCTYPE html><title>Log in</title>"), "refuse"),
    ("types", "annex"): (replaced(b"/annex/objects/MD5E-s123--d41d8cd9.nii.gz\n"), "refuse"),
    ("types", "gzipped text"): (replaced(gzip.compress(b"no scan")), "refuse"),
    ("types", "gzipped twice"): (lambda path, rng: path.write_bytes(gzip.compress(path.read_bytes())), "refuse"),
    ("types", "zip"): (replaced(zipped()), "refuse"),
    ("types", "not gzipped"): (lambda path, rng: path.write_bytes(gzip.decompress(path.read_bytes())), "use"),
    ("types", "rgb"): (rewritten(colours), "refuse"),
    ("types", "complex"): (rewritten(lambda volume: volume + np.complex64(1j)), "refuse"),
    ("sizes", "32000 cubed"): (header(40, "4h", 3, 32000, 32000, 32000), "refuse"),
    ("sizes", "no voxels"): (header(40, "4h", 3, 0, 18, 16), "refuse"),
    ("sizes", "negative"): (header(40, "4h", 3, -20, 18, 16), "refuse"),
    ("sizes", "nine axes"): (header(40, "h", 9), "refuse"),
    ("sizes", "datatype"): (header(70, "h", 999), "refuse"),
    ("sizes", "offset"): (header(108, "f", 1e9), "refuse"),
    ("sizes", "slice"): (rewritten(lambda volume: volume[:, :, 8]), "refuse"),
    ("sizes", "two volumes"): (rewritten(lambda volume: np.stack([volume, volume], -1)), "refuse"),
    ("sizes", "five axes"): (rewritten(lambda volume: volume[..., None, None]), "use"),
    ("sizes", "one voxel"): (rewritten(lambda volume: volume[:1, :1, :1]), "refuse"),
    ("sizes", "NaN affine"): (header(280, "4f", *[float("nan")] * 4), "refuse"),
    ("sizes", "flat affine"): (header(280, "12f", *[0.0] * 12), "refuse"),
    ("values", "NaN"): (with_values(float("nan")), "refuse"),
    ("values", "infinite"): (with_values(float("inf"), 1), "refuse"),
    ("links", "dangling"): (instead(lambda path: path.symlink_to("../.git/annex/objects/xx")), "refuse"),
    ("links", "loop"): (instead(lambda path: path.symlink_to(path.name)), "refuse"),
    ("links", "folder"): (instead(lambda path: path.mkdir()), "refuse"),
    ("links", "link to a folder"): (instead(lambda path: path.symlink_to(path.parent)), "refuse"),
    ("links", "FIFO"): (instead(os.mkfifo), "refuse"),
    ("links", "elsewhere"): (elsewhere, "use"),
    ("permissions", "unreadable"): (lambda path, rng: path.chmod(0), "refuse"),
}
TARGETS = {
    "evaluate-map": ("evaluate", "maps/sub-2_anomaly.nii.gz"),
    "evaluate-label": ("evaluate", "labels/sub-2_label-lesion_mask.nii.gz"),
    "evaluate-brain": ("evaluate", "labels/sub-2_desc-brain_mask.nii.gz"),
    "run-scan": ("run", "B/sub-2/anat/sub-2_T1w.nii.gz"),
    "simulate-scan": ("simulate-lesions", "B/sub-2/anat/sub-2_T1w.nii.gz"),
}


@pytest.mark.parametrize("generator, name", FILES, ids=["-".join(key).replace(" ", "_") for key in FILES])
@pytest.mark.parametrize("target", TARGETS)
def test_a_broken_file(target, generator, name, place, originals, references, record_property) -> None:
    command, file = TARGETS[target]
    copy_input(originals, command, place.root)
    damage, right = FILES[generator, name]
    damage(place.root / file, random.Random(f"{target} {generator} {name}"))
    check(place, Broken(command, generator, ("sub-2",), right), references, record_property)
