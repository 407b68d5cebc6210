"""Cases given to another program, and its maps of them back on the board."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

import bench.runs.datasets
import bench.runs.evaluation
from bench import cli
from bench.results import load_run
from bench.runs.workspace import Workspace
from tests.bench.runs.made_maps import AFFINE, contents, evaluate, write


def test_from_export_to_the_board_of_our_own_methods(folders, tiny):
    exported = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert exported.exit_code == 0, exported.output
    assert "bench evaluate MAPS --dataset tiny" in exported.output
    assert len(list(folders.glob("out/labels/*/anat/*lesion*.nii.gz"))) == 2
    for path in folders.glob("out/images/sub-*/anat/*_T1w.nii.gz"):
        brain = nibabel.load(str(path).replace("T1w", "desc-brain_mask"))
        image = nibabel.load(path)
        write(folders / "made" / path.name, np.abs(image.get_fdata(dtype=np.float32)) * brain.get_fdata(), image.affine)
    CliRunner().invoke(cli.app, ["run", "--method", "random"])
    shown = evaluate(folders / "made", "--dataset", "tiny", "--method-name", "theirs")
    assert shown.exit_code == 0 and "6 maps belong to no test case" in shown.output
    board = json.loads(CliRunner().invoke(cli.app, ["leaderboard", "--format", "json"]).stdout)
    assert {row["label"]: row["n"] for row in board["rows"]} == {"theirs": 2, "random": 2}


def test_maps_on_the_subjects_own_grid_give_the_same_numbers(folders, tiny):
    CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"])
    for case in tiny.test:
        write(folders / "prepared" / f"{case.id}.nii.gz", case.image[0], case.affine)
        write(folders / "own" / f"{case.id}.nii.gz", np.pad(case.image[0], 2), case.native.affine)
    evaluate(folders / "prepared", "--dataset", "tiny")
    evaluate(folders / "own", "--dataset", "tiny")
    one, other = (load_run(path) for path in Workspace(folders / "workspace").run_files())
    assert {one.method, other.method} == {"prepared", "own"} and one.metrics == other.metrics


def test_all_healthy_validation_cases_are_needed(folders, tiny):
    CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"])
    for case in (*tiny.test, tiny.validation[0]):
        folder = "healthy" if case.lesion_mask is None else "made"
        write(folders / folder / f"{case.id}.nii.gz", case.image[0], case.affine)
    options = ("--dataset", "tiny", "--protocol", "paper-fpr5", "--healthy-maps", folders / "healthy")
    shown = evaluate(folders / "made", *options)
    assert shown.exit_code == 2 and f"holds no map of {tiny.validation[1].id}: all 2 healthy" in shown.output
    write(folders / "healthy" / f"{tiny.validation[1].id}.nii.gz", tiny.validation[1].image[0], AFFINE)
    assert evaluate(folders / "made", *options).exit_code == 0


def test_a_folder_of_another_dataset_is_not_exported_into(folders, tiny, monkeypatch):
    assert CliRunner().invoke(cli.app, ["export", str(folders / "out"), "--split", "test"]).exit_code == 0
    monkeypatch.setattr(
        bench.runs.datasets, "load_dataset", lambda settings, cache_folder: replace(tiny, fingerprint="another")
    )
    shown = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert shown.exit_code == 2 and "holds another dataset already" in shown.output


@pytest.mark.parametrize(
    "name",
    ["images/dataset_description.json", "labels/notes.txt", "images/sub-1/anat/sub-1_T1w.nii.gz", "images"],
)
def test_export_writes_beside_nothing_that_it_did_not_make(folders, tiny, name):
    (folders / "out" / name).parent.mkdir(parents=True, exist_ok=True)
    (folders / "out" / name).write_text("{}")
    before = contents(folders / "out")
    shown = CliRunner().invoke(cli.app, ["export", str(folders / "out")])
    assert shown.exit_code == 2 and "Traceback" not in shown.output
    assert ("`bench export` did not make" in shown.output) or ("is no folder" in shown.output)
    assert contents(folders / "out") == before


def test_an_export_goes_on_and_keeps_what_is_there_but_not_into_a_changed_table(folders, tiny):
    export = ["export", str(folders / "out")]
    assert CliRunner().invoke(cli.app, [*export, "--split", "test"]).exit_code == 0
    before = contents(folders / "out")
    assert CliRunner().invoke(cli.app, export).exit_code == 0
    table = folders / "out" / "images" / "participants.tsv"
    after = contents(folders / "out")
    assert all(after[path] == content for path, content in before.items() if path != table)
    assert len(after) > len(before) and CliRunner().invoke(cli.app, export).exit_code == 0
    assert contents(folders / "out") == after
    table.write_text(table.read_text().replace("split\n", "split\tage\n"))
    shown = CliRunner().invoke(cli.app, export)
    assert shown.exit_code == 2 and "participants.tsv was changed" in " ".join(shown.output.split())
