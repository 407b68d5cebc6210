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
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.robustness.conftest import Broken, Place, copy_input, faults, write_nifti

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_mlflow")]

Damage = Callable[[Path, random.Random], object]


# What can happen to one file: (generator, name) -> (damage of the file, what is right).


def flipped(where: str) -> Damage:
    """One bit of a compressed file: of its data, or of the checksum or the length that end it."""

    def damage(path: Path, rng: random.Random) -> None:
        content = bytearray(path.read_bytes())
        start = 10 + (content[10:].index(0) + 1 if content[3] & 8 else 0)  # past the name in the header of gzip
        ranges = {"data": (start + 8, len(content) - 8), "checksum": (-8, -4), "length": (-4, 0)}
        content[rng.randrange(*ranges[where])] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    return damage


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


def check(place: Place, broken: Broken, references, record_property) -> None:
    """Run the command on what was damaged; its faults go into the table."""
    answer = place.answer(broken.command, *broken.options, as_nobody=broken.generator == "permissions")
    found = faults(answer, broken.names, broken.right, **references[broken.command])
    record_property("generator", broken.generator)
    record_property("command", broken.command)
    record_property("faults", ", ".join(found) or "none")
    assert not found, f"{found}, exit code {answer.code}, made {answer.made}, changed {answer.changed}\n{answer.said}"


# What can happen to a folder: id -> (the input, what is broken and right, the damage).


def made_as(path: str, like: str) -> Damage:
    """A copy of a file under another name."""

    def damage(root: Path, rng: random.Random) -> None:
        target = root / os.fsdecode(path.encode())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / like).read_bytes())

    return damage


def lesion_at(path: str) -> Damage:
    """A mask of 27 voxels on the grid of the second subject's scan."""

    def damage(root: Path, rng: random.Random) -> None:
        image = nibabel.load(root / SCAN)
        mask = np.zeros(image.shape, np.uint8)
        mask[12:15, 12:15, 9:12] = 1
        write_nifti(root / path, mask, image.affine)

    return damage


def moved(path: str, target: str) -> Damage:
    """A file or folder under another name."""
    return lambda root, rng: (root / path).rename(root / target)


def linked(path: str) -> Damage:
    """A folder that became a link to itself elsewhere."""

    def damage(root: Path, rng: random.Random) -> None:
        target = (root / path).rename(root / f"elsewhere-{Path(path).name}")
        (root / path).symlink_to(target)

    return damage


def written(path: str, content: bytes) -> Damage:
    """A file with this content."""
    return lambda root, rng: (root / path).write_bytes(content)


def split_table(separator: str = "\t", head: str = "participant_id{}split", more: str = "", end: str = "\n") -> str:
    """participants.tsv with a split other than the one that is drawn."""
    splits = ["test", "test", "validation", "train", "train", "train"]
    lines = [head.format(separator), *(f"sub-{index + 1}{separator}{split}" for index, split in enumerate(splits))]
    return end.join(lines) + end + more


LABEL, MAP, SCAN = "labels/sub-2_label-lesion_mask.nii.gz", "maps/sub-2_anomaly.nii.gz", "B/sub-2/anat/sub-2_T1w.nii.gz"
FOLDERS: dict[str, tuple[Broken, Damage]] = {}


def add(command: str, generator: str, name: str, names: tuple[str, ...], right: str, damage: Damage, *options: str):
    """Put a broken folder on the list."""
    FOLDERS[f"{command}-{generator}-{name}"] = (Broken(command, generator, names, right, options), damage)


for name in ("Patient3_lesion.nii.gz", "sub-02a-2_label-lesion_mask.nii.gz", "sub-9_label-lesion_mask.nii.gz"):
    add("evaluate", "names", name, (name, name[:5]), "notice", made_as(f"labels/{name}", LABEL))
for name in ("sub-9_anomaly.nii.gz", "Patient3.nii.gz", "sub-2_run-2_anomaly.nii.gz", "2.nii.gz"):
    add("evaluate", "names", f"map {name}", (name, "sub-2"), "notice", made_as(f"maps/{name}", MAP))
for name in ("._sub-2_anomaly.nii.gz", ".DS_Store", "Thumbs.db", "notes.txt"):
    add("evaluate", "names", name, (), "ignore", made_as(f"maps/{name}", MAP))
add("evaluate", "names", "hidden label", (), "ignore", made_as(f"labels/._{Path(LABEL).name}", MAP))
add("evaluate", "names", "upper case map", ("sub-2",), "use", moved(MAP, MAP.replace(".nii.gz", ".NII.GZ")))
add("evaluate", "names", "upper case label", ("sub-2",), "use", moved(LABEL, LABEL.replace(".nii.gz", ".NII.GZ")))
add("evaluate", "names", "long", ("sub-2",), "use", moved(MAP, f"maps/sub-2_{'a' * 230}.nii.gz"))
add("evaluate", "names", "map with blanks", ("sub-2",), "use", moved(MAP, "maps/sub-2 anomaly map.nii.gz"))
add("evaluate", "names", "no map", ("sub-2",), "refuse", lambda root, rng: (root / MAP).unlink())
add("evaluate", "names", "no label", ("sub-2",), "refuse", lambda root, rng: (root / LABEL).unlink())
add(
    "evaluate",
    "names",
    "no brain",
    ("sub-2",),
    "refuse",
    lambda root, rng: next(root.glob("labels/sub-2_desc*")).unlink(),
)
add(
    "evaluate",
    "names",
    "no maps",
    ("maps",),
    "refuse",
    lambda root, rng: [path.unlink() for path in root.glob("maps/*")],
)
add("evaluate", "links", "maps", ("sub-2",), "use", linked("maps"))
add("evaluate", "links", "labels", ("sub-2",), "use", linked("labels"))
add("evaluate", "permissions", "maps", ("maps",), "refuse", lambda root, rng: (root / "maps").chmod(0))
add("evaluate", "permissions", "labels", ("labels",), "refuse", lambda root, rng: (root / "labels").chmod(0))

LESIONS = ("T1w_lesion_mask", "tumor_mask", "WMH_mask", "roi_mask", "label-lesion_roi", "label-lesion_dseg", "lesion")
STRAYS = ("B/T1.nii.gz", "B/sub-2/anat/T1_brain.nii.gz", "B/sub-2/sub-2_T1w.nii", "B/sub-2/anat/sub-2_run-2_T1w.nii.gz")
for command in ("run", "simulate-lesions"):
    for end in LESIONS:
        add(command, "names", end, ("sub-2",), "patient", lesion_at(f"B/sub-2/anat/sub-2_{end}.nii.gz"))
        place = f"B/derivatives/manual/sub-2/anat/sub-2_{end}.nii.gz"
        add(command, "names", f"derivative {end}", ("sub-2",), "patient", lesion_at(place))
    for stray in STRAYS:
        add(command, "names", stray, (Path(stray).name, "sub-2"), "notice", made_as(stray, SCAN))
    add(command, "names", "hidden", (), "ignore", made_as(f"B/sub-2/anat/._{Path(SCAN).name}", SCAN))
    add(command, "names", "notes", (), "ignore", written("B/CHANGES", b"1.0 first release\n"))
    add(command, "names", "upper case", ("sub-2",), "use", moved(SCAN, SCAN.replace(".nii.gz", ".NII.GZ")))
    add(command, "names", "no scan", ("sub-2",), "refuse", lambda root, rng: (root / SCAN).unlink())
    add(command, "links", "subject", ("sub-2",), "use", linked("B/sub-2"))
    add(command, "links", "root", ("sub-2",), "use", linked("B"))
    add(command, "permissions", "subject", ("sub-2",), "refuse", lambda root, rng: (root / "B/sub-2").chmod(0))
    add(command, "permissions", "root", ("B",), "refuse", lambda root, rng: (root / "B").chmod(0))
TABLES = {
    "commas": split_table(",").encode(),
    "semicolons": split_table(";").encode(),
    "capital": split_table(head="participant_id{}Split").encode(),
    "blanks": split_table("  ").encode(),
    "UTF-16": split_table().encode("utf-16"),
    "latin-1": split_table(more="sub-7\tn/a\tJürgen\n").encode("latin-1"),
    "BOM": split_table().encode("utf-8-sig"),
    "carriage returns": split_table(end="\r").encode(),
    "conflict": split_table(more="sub-2\ttrain\n").encode(),
    "unknown split": split_table(more="sub-1\tholdout\n").encode(),
    "unknown subject": split_table(more="sub-99\ttest\n").encode(),
    "short row": split_table(more="sub-2\n").encode(),
    "NUL": split_table(more="sub-2\0\ttrain\n").encode(),
    "quote": split_table(more='"sub-2\ttrain\n').encode(),
    "noise": random.Random(0).randbytes(300),
    "scan": gzip.compress(bytes(1000)),
}
for name, content in TABLES.items():
    add("run", "encodings", name, ("participants.tsv",), "notice", written("B/participants.tsv", content))
add(
    "run",
    "links",
    "table",
    ("participants.tsv",),
    "refuse",
    lambda root, rng: (root / "B/participants.tsv").symlink_to("x"),
)
add(
    "run",
    "links",
    "table folder",
    ("participants.tsv",),
    "refuse",
    lambda root, rng: (root / "B/participants.tsv").mkdir(),
)
WHOLE = "zscore:\n  channels: max\n"
SETTINGS = {
    "UTF-16": WHOLE.encode("utf-16"),
    "latin-1": f"# Jürgen\n{WHOLE}".encode("latin-1"),
    "nested": b"[" * 5000,
    "duplicate": f"{WHOLE}  channels: norm\n".encode(),
    "duplicate method": (WHOLE + WHOLE.replace("max", "norm")).encode(),
    "list": b"- zscore\n- random\n",
    "tabs": WHOLE.replace("  ", "\t").encode(),
    "open": b"zscore: {channels: max\n",
    "unknown": WHOLE.replace("zscore", "zscroe").encode(),
    "wrong value": WHOLE.replace("max", "[1, 2]").encode(),
    "noise": random.Random(1).randbytes(300),
    "object": b"zscore: !!python/object/apply:os.getcwd []\n",
}
for name, content in SETTINGS.items():
    given = ("--config", "my.yaml")
    add("run", "encodings", f"settings {name}", ("my.yaml",), "refuse", written("my.yaml", content), *given)
taken = made_as("OUT/sub-2/anat/sub-2_T1w.nii.gz", "B/sub-3/anat/sub-3_T1w.nii.gz")
add("simulate-lesions", "names", "taken OUT", ("sub-2", "OUT"), "refuse", taken)
add("simulate-lesions", "types", "OUT is a file", ("OUT",), "refuse", written("OUT", b"notes"))
add("simulate-lesions", "links", "OUT dangles", ("OUT",), "refuse", lambda root, rng: (root / "OUT").symlink_to("x/y"))
add("simulate-lesions", "permissions", "OUT", ("OUT",), "refuse", lambda root, rng: (root / "OUT").mkdir(mode=0o555))


@pytest.mark.parametrize("broken, damage", FOLDERS.values(), ids=[name.replace(" ", "_") for name in FOLDERS])
def test_a_broken_folder(broken, damage, place, originals, references, record_property) -> None:
    copy_input(originals, broken.command, place.root)
    damage(place.root, random.Random(0))
    check(place, broken, references, record_property)
