"""What is wrong with a scan is said in one sentence that names the file; the scans beside it are predicted."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.bench.predicting.conftest import AFFINE, brain, write


def changed(volume=None, **header):
    """A scan with another volume or header."""

    def make(path: Path) -> None:
        image = nibabel.Nifti1Image(brain(1) if volume is None else volume(brain(1)), AFFINE)
        for key, value in header.items():
            image.header[key] = value
        path.parent.mkdir(parents=True, exist_ok=True)
        image.to_filename(path)

    return make


def content(raw: bytes):
    """A file of these bytes."""
    return lambda path: path.write_bytes(raw)


def cut(path: Path) -> None:
    write(path, brain(1))
    path.write_bytes(path.read_bytes()[:2000])


def short(path: Path) -> None:
    write(path, brain(1))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:9000]))


def no_affine(path: Path) -> None:
    write(path, brain(1))
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[280:328] = bytes(48)  # the three rows of the sform
    path.write_bytes(gzip.compress(bytes(raw)))


def link(path: Path) -> None:
    path.symlink_to(path.parent / "fetched later.nii.gz")


def beside(mask: np.ndarray, affine=AFFINE):
    """A scan with this brain mask beside it."""

    def make(path: Path) -> None:
        write(path, brain(1))
        write(path.with_name(path.name.replace(".nii.gz", "_mask.nii.gz")), mask, affine)

    return make


def nan(image):
    image[12, 14, 10] = np.nan
    return image


BAD_SCANS = {
    "empty file": (content(b""), "has no content, 0 bytes; copy it again"),
    "a text": (content(b"not a scan, whatever its name may say" * 20), "is no NIfTI file"),
    "cut off": (cut, "is damaged or incomplete: gzip cannot unpack it"),
    "too short": (short, "ends early: its header promises"),
    "a link to nothing": (link, "cannot be opened; fetch its content if it is a link"),
    "four dimensions": (changed(lambda image: np.stack([image] * 3, axis=-1)), "has 4 dimensions"),
    "one slice": (changed(lambda image: image[:, :, 10]), "has 2 dimensions"),
    "NaN": (changed(nan), "contains NaN or infinite values"),
    "one value": (changed(np.zeros_like), "is empty: all its voxels have one value"),
    "a mask": (changed(lambda image: (image > 0).astype(np.uint8)), "has one value in all of the brain, as masks have"),
    "complex": (changed(lambda image: image.astype(np.complex64)), "holds complex64 values"),
    "no affine": (no_affine, "has no valid affine in its header"),
    "metres": (changed(xyzt_units=1), "m long by its header; mend its voxel size or unit"),
    "mask of another grid": (beside(np.ones((10, 10, 10), np.uint8)), "has the shape (10, 10, 10), but"),
    "mask elsewhere": (beside((brain(1) > 0).astype(np.uint8), AFFINE * 2), "has the affine"),
    "empty mask": (beside(np.zeros(brain(1).shape, np.uint8)), "has no voxel set"),
}


@pytest.mark.parametrize("name", BAD_SCANS)
def test_a_bad_scan_is_set_aside_and_the_others_are_predicted(name, made, tmp_path):
    make, sentence = BAD_SCANS[name]
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "good.nii.gz", brain(1))
    make(tmp_path / "in" / "bad.nii.gz")
    answer = made.predict(tmp_path / "in", tmp_path / "out")
    said = " ".join(answer.output.split())
    assert answer.exit_code == 1 and "1 scan predicted" in said and "1 set aside" in said
    told = next(line for line in answer.output.splitlines() if line.startswith("sub-bad is set aside: "))
    assert sentence in told and "bad" in told.partition(": ")[2] and told.endswith(".")
    assert "Error" not in said and "Traceback" not in said
    assert (tmp_path / "out/sub-good/anat/sub-good_desc-anomaly_mask.json").exists()
    assert not (tmp_path / "out/sub-bad").exists()
    assert sentence.partition(",")[0] in (tmp_path / "out/set_aside.json").read_text()
    assert "sub-bad" in (tmp_path / "out/index.html").read_text()


BAD_COMMANDS = {
    "no such scan": (["nothing.nii.gz", "out"], "nothing.nii.gz does not exist; name a scan, a folder"),
    "another format": (["scan.dcm", "out"], "scan.dcm is no NIfTI file by its name"),
    "a folder without scans": (["empty", "out"], "empty holds no NIfTI image"),
    "out is a scan": (["good.nii.gz", "other.nii.gz"], "OUT is other.nii.gz, which is called like a scan"),
    "out is a file": (["good.nii.gz", "file"], "file is no folder: name another one"),
    "out holds others' files": (["good.nii.gz", "full"], "full holds files that `bench predict` did not make"),
    "no such model": (["good.nii.gz", "out", "--model", "tinny"], "There is no model 'tinny', did you mean 'tiny'?"),
    "a folder that is no model": (
        ["good.nii.gz", "out", "--model", "empty"],
        "empty is no model, it has no",
    ),
    "no such threshold": (["good.nii.gz", "out", "--fpr", "0.02"], "has no threshold for --fpr 0.02: take 0.05, 0.01"),
    "a mask": (["good_mask.nii.gz", "out"], "good_mask.nii.gz is a mask by its name; name the scan"),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_a_command_that_cannot_be_done_is_refused_in_a_sentence(name, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("good.nii.gz"), brain(1))
    write(Path("good_mask.nii.gz"), (brain(1) > 0).astype(np.uint8))
    Path("scan.dcm").write_bytes(b"DICM")
    Path("empty").mkdir()
    Path("full").mkdir()
    for path in ("file", "full/notes.txt"):
        Path(path).write_text("mine")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    arguments, sentence = BAD_COMMANDS[name]
    answer = made.predict(*arguments)
    assert answer.exit_code == 2, answer.output
    assert sentence in " ".join(answer.output.split())
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
