"""Broken folders, tables and settings, for `evaluate`, `run` and `simulate-lesions`: see test_broken_files.py."""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.robustness.conftest import check
from tests.robustness.faults import Broken
from tests.robustness.inputs import copy_input, write_nifti

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_mlflow")]

Damage = Callable[[Path, random.Random], object]


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
