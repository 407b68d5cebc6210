"""What commands write are valid BIDS derivatives, and say what they are made of."""

import json
import shutil
from pathlib import Path

import nibabel
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.runs.tracking import Tracker
from tests.datasets.conftest import ScanFolder
from tests.datasets.raw_heads import make_raw_head
from tests.valid_bids import errors_of, needs_validator

CODES = (1, 1)  # sform and qform of the scans: scanner


def command(*words: object) -> None:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> ScanFolder:
    """Four healthy subjects, a session of one of them, and a patient; the scanner's space in the headers."""
    scans = ScanFolder(tmp_path_factory.mktemp("bids") / "in")
    for k, id in enumerate(("sub-0", "sub-1", "sub-2", "sub-3_ses-a")):
        scans.add(id, k, "T2w")
    scans.add("sub-4", 9, "T2w", "label-lesion_mask")
    for path in scans.root.rglob("*.nii.gz"):
        image = nibabel.load(path)
        image.set_sform(image.affine, CODES[0])
        image.set_qform(image.affine, CODES[1])
        nibabel.save(image, path)
    return scans


@pytest.fixture(scope="module")
def written(scans) -> dict[str, Path]:
    """What each command wrote."""
    place = scans.root.parent
    options = ("--root", scans.root, "--workspace", place / "ws", "--lesion-set", "none")
    with pytest.MonkeyPatch.context() as patch:  # MLflow takes seconds, and has tests of its own
        patch.setattr(Tracker, "log", lambda *_: None)
        command("run", "--method", "zscore", "--threads", 1, *options)
    command("export", place / "exported", *options)
    shutil.copytree(scans.root / "sub-1", place / "healthy" / "sub-1")
    command("simulate-lesions", place / "healthy", place / "simulated", "--lesion-load-ml", 2)
    head = make_raw_head()
    head.write(place / "raw", "sub-01", "desc-brain_mask")
    head.write(place / "raw", "sub-02")
    (place / "raw" / "participants.tsv").write_text("participant_id\tAge\n01\t30\n")
    command("prepare", place / "raw", place / "prepared", "--no-bias-correction", "--threads", 1)
    return {
        "run": next(place.glob("ws/runs/*/zscore-*/maps")),
        "export, images": place / "exported" / "images",
        "export, labels": place / "exported" / "labels",
        "simulate-lesions": place / "simulated",
        "prepare": place / "prepared",
    }


KINDS = ("run", "export, images", "export, labels", "simulate-lesions", "prepare")


@needs_validator
def test_the_validator_finds_errors_where_there_are_some(scans):
    assert any("MISSING_DATASET_DESCRIPTION" in error for error in errors_of(scans.root))


@needs_validator
@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_none_in_what_commands_write(kind, written):
    assert list(written[kind].rglob("*.nii.gz"))
    assert errors_of(written[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_says_what_made_it_and_of_what(kind, written, scans):
    said = json.loads((written[kind] / "dataset_description.json").read_text())
    source = scans.root.parent / {"prepare": "raw", "simulate-lesions": "healthy"}.get(kind, "in")
    assert said["DatasetType"] == "derivative" and said["SourceDatasets"] == [{"URL": source.as_uri()}]
    assert said["GeneratedBy"][0]["Name"] == f"bench {kind.split(',')[0]}"
    for path in written[kind].rglob("sub-*/anat/*.nii.gz"):
        sidecar = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
        assert sidecar["SkullStripped"] is True if not path.name.endswith("_mask.nii.gz") else sidecar["Type"]


def test_maps_and_simulated_lesions_keep_the_headers_space_and_unit(written):
    paths = [*written["run"].glob("*.nii.gz"), *written["simulate-lesions"].rglob("*.nii.gz")]
    assert len(paths) >= 6
    for path in paths:
        header = nibabel.load(path).header
        assert (int(header["sform_code"]), int(header["qform_code"])) == CODES, path
        assert header.get_xyzt_units()[0] == "mm"
