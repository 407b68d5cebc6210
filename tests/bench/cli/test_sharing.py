"""Results on their way from one workspace to another: submitted, verified, merged, refused."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import bench.runs.datasets
import bench.runs.shared_results
from bench import cli
from bench.contributing.contract import tiny_dataset
from bench.results import load_run
from bench.runs.tracking import Tracker

FIELDS = {  # what somebody changes in a submitted file -> what the refusal names
    "device": lambda result: result.update(device="a faster one"),
    "seed": lambda result: result.update(seed=7),
    "metrics": lambda result: result["metrics"]["dice"].update(mean=0.123),
    "cases": lambda result: result["cases"][0]["metrics"].update(dice=0.123),
    "protocol_hash": lambda result: result.update(protocol_hash="0" * 16),
    "dataset_fingerprint": lambda result: result.update(dataset_fingerprint="f" * 64),
    "result.place": lambda result: result.update(place=1),
}


def invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """The tiny dataset in the phantom's stead, and no MLflow."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (bench.runs.datasets, bench.runs.shared_results):
            patch.setattr(module, "load_dataset", lambda settings, cache_folder: tiny_dataset(test=3))
        patch.setattr(Tracker, "log", lambda tracker, run, folder: None)
        yield


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, tiny):
    """Two methods, run on three cases under two protocols."""
    place = tmp_path_factory.mktemp("there")
    methods = ("--method", "zscore", "--method", "highpass", "--threads", "1", "--workers", "1")
    assert invoke("run", *methods, "--workspace", place).exit_code == 0
    assert invoke("evaluate", "--protocol", "paper-dataset-oracle", "--workspace", place).exit_code == 0
    return place


@pytest.fixture
def submitted(workspace, tmp_path):
    """The one file of a result."""
    shown = invoke("submit", "zscore", "--workspace", workspace, "--to", tmp_path / "sent", "--protocol", "paper")
    assert shown.exit_code == 0, shown.output
    (file,) = (tmp_path / "sent").rglob("*.json")
    return file


def test_a_submission_is_verified_merged_and_shown_elsewhere(workspace, submitted, tmp_path) -> None:
    here = tmp_path / "here"
    assert "1 sound, 0 refused" in invoke("results", "verify", submitted, "--workspace", here).output
    merged = invoke("results", "merge", submitted.parents[1], "--workspace", here)
    assert merged.exit_code == 0 and "1 merged, 0 here already, 0 refused" in merged.output
    ((own,), (theirs,)) = (
        [load_run(path) for path in place.glob("runs/*/zscore-*/results/paper/run.json")] for place in (workspace, here)
    )
    assert own == theirs
    assert "zscore" in invoke("leaderboard", "--workspace", here).output
    again = invoke("results", "merge", workspace, "--workspace", here)
    assert "the same result is here already" in again.output and "3 merged, 1 here already" in again.output
    assert invoke("report", tmp_path / "site", "--submissions", submitted.parents[1]).exit_code == 0
    assert "zscore" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_is_named(submitted, tmp_path, field) -> None:
    content = json.loads(submitted.read_text(encoding="utf-8"))
    FIELDS[field](content["result"])
    submitted.write_text(json.dumps(content), encoding="utf-8")
    for command in ("verify", "merge"):
        shown = invoke("results", command, submitted, "--workspace", tmp_path / "here")
        assert shown.exit_code == 2 and "1 refused" in shown.output
        assert field in shown.output.replace(str(submitted), "") and not (tmp_path / "here" / "runs").exists()
    assert invoke("report", tmp_path / "site", "--submissions", submitted.parent).exit_code == 2


def test_a_workspace_verifies_its_own(workspace, tmp_path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(workspace, place)
    assert "4 sound, 0 refused" in invoke("results", "verify", "--workspace", place).output
    path = next(place.glob("runs/*/zscore-*/results/paper/run.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["metrics"]["dice"]["se"] = 0.0
    path.write_text(json.dumps(content), encoding="utf-8")
    shown = invoke("results", "verify", "--workspace", place)
    assert shown.exit_code == 2 and "metrics.dice.se is 0, its cases give" in shown.output


def test_subjects_of_scans_are_named_on_request_only(workspace, tmp_path) -> None:
    place = tmp_path / "scans"
    shutil.copytree(workspace, place)
    next(place.glob("runs/*/dataset.json")).unlink()  # as of a dataset that is not made here
    arguments = ("submit", "zscore", "--workspace", place, "--to", tmp_path / "sent")
    refused = invoke(*arguments)
    assert refused.exit_code == 2 and "--subject-ids" in refused.output and not (tmp_path / "sent").exists()
    assert invoke(*arguments, "--subject-ids").exit_code == 0


def test_boards_of_a_workspace(workspace) -> None:
    listed = invoke("boards", "--workspace", workspace).output
    assert "2 boards" in listed and "paper-dataset-oracle@1" in listed
    over = invoke("leaderboard", "--workspace", workspace, "--over", "protocol", "--metric", "dice")
    assert over.exit_code == 0 and "2 of 2 methods" in over.output
    wrong = invoke("leaderboard", "--workspace", workspace, "--over", "protocl")
    assert wrong.exit_code == 2 and "did you mean 'protocol'" in wrong.output
    assert "--costs is for one board" in invoke("leaderboard", "--workspace", workspace, "--all", "--costs").output
