"""What MLflow holds of a run beside numbers: maps and to whom they may be shown, its page, the machine's curves."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bench.reporting import SilentReporter
from bench.results import RunResult
from bench.runs import mlflow_files
from bench.runs.mlflow_run import MAPS_TAG, experiment_name
from bench.runs.mlflow_store import MlflowStore, ensure_database, sqlite_uri
from bench.runs.tracking import Tracker
from bench.runs.workspace import RunLayout, Workspace
from tests.made_runs import make_run

ROW = {"hd99_vox": [4.0, 6.0], "msd_vox": [2.0, 2.0], "tpr": [0.25, 0.75], "ppv": [0.5, 0.5]}


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a variable may name, made once since that takes seconds."""
    path = tmp_path_factory.mktemp("named") / "shared.db"
    ensure_database(path)
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Workspace:
    """A workspace with a store of its own."""
    place = Workspace(tmp_path_factory.mktemp("workspace"))
    ensure_database(place.mlflow_database)
    return place


def run_with_maps(workspace: Workspace, key: str, root: str | None = None) -> tuple[RunResult, RunLayout]:
    """A run, two maps of 3 and 4 bytes, and the settings of its dataset: scans in root, or none."""
    run = make_run("zscore", key=key, dataset_fingerprint=f"{key:0<16}", **ROW)
    place = workspace.dataset(run.dataset, run.dataset_fingerprint)
    folder = RunLayout(place.run("zscore", key))
    folder.maps.mkdir(parents=True)
    place.settings_file.write_text(json.dumps({"name": "phantom", "data": {"root": root}}))
    folder.map_path("sub-0").write_text("one")
    folder.map_path("sub-1").write_text("four")
    return run, folder


def logged(run: RunResult, folder: RunLayout, workspace: Workspace, subject_ids: bool = False) -> "tuple[dict, dict]":
    """Log; gives the tags, and name -> text of the artifacts beneath maps/."""
    Tracker(workspace, SilentReporter(), subject_ids).log(run, folder)
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    (found,) = client.search_runs([client.get_experiment_by_name(experiment_name(run)).experiment_id])
    files = client.list_artifacts(found.info.run_id, "maps")
    texts = {file.path: Path(client.download_artifacts(found.info.run_id, file.path)).read_text() for file in files}
    return found.data.tags, texts


def test_maps_are_numbered_and_are_sent_again_when_they_change_alone(workspace: Workspace) -> None:
    run, folder = run_with_maps(workspace, "aa")
    tags, maps = logged(run, folder, workspace)
    assert maps == {"maps/case-1_anomaly.nii.gz": "one", "maps/case-2_anomaly.nii.gz": "four"}
    assert tags[MAPS_TAG].startswith("2 of 2, ")
    again, _ = logged(run, folder, workspace)
    assert again[MAPS_TAG] == tags[MAPS_TAG]
    folder.map_path("sub-1").write_text("fifth")
    changed, maps = logged(run, folder, workspace)
    assert changed[MAPS_TAG] != tags[MAPS_TAG] and maps["maps/case-2_anomaly.nii.gz"] == "fifth"


def test_maps_of_people_go_to_a_store_that_is_named_only_with_their_ids(
    workspace: Workspace, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, folder = run_with_maps(workspace, "bb", root="/data/scans")
    assert len(logged(people, folder, workspace)[1]) == 2  # they lie in the workspace anyway
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(database))
    monkeypatch.chdir(tmp_path)
    assert logged(people, folder, workspace)[1] == {}
    assert set(logged(people, folder, workspace, subject_ids=True)[1]) == {
        "maps/sub-0_anomaly.nii.gz",
        "maps/sub-1_anomaly.nii.gz",
    }
    made_here, folder = run_with_maps(workspace, "cc")
    assert len(logged(made_here, folder, workspace)[1]) == 2
    assert not list(tmp_path.iterdir()) and list(database.parent.glob("mlartifacts/*/artifacts/maps"))


def test_the_first_maps_that_are_small_enough(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run, folder = run_with_maps(workspace, "dd")
    monkeypatch.setattr(mlflow_files, "MOST_MAPS_MB", 3e-6)
    assert list(mlflow_files.maps(run, folder, subject_ids=True)) == ["sub-0_anomaly.nii.gz"]
    folder.map_path("sub-0").unlink()  # as of a case that failed
    monkeypatch.setattr(mlflow_files, "MOST_MAPS_MB", 4e-6)
    assert list(mlflow_files.maps(run, folder, subject_ids=True)) == ["sub-1_anomaly.nii.gz"]


def test_the_page_shows_the_run_and_needs_no_images(workspace: Workspace, tmp_path: Path) -> None:
    run, _ = run_with_maps(workspace, "ee")
    mlflow_files.write_page(mlflow_files.without_subjects(run), workspace, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "zscore" in text and "5.00" in text and "sub-" not in text
    assert "this report was made without them" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_machine_is_thinned_evenly_and_its_steps_are_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [{"time_s": 1000.0 + 10 * number, "cpu_utilization_percentage": float(number)} for number in range(7)]
    name = "system/cpu_utilization_percentage"
    assert mlflow_files.usage(samples[:2]) == [(name, 0.0, 1_000_000, 0), (name, 1.0, 1_010_000, 10)]
    monkeypatch.setattr(mlflow_files, "MOST_SAMPLES", 3)
    assert [value for _, value, _, _ in mlflow_files.usage(samples)] == [0.0, 3.0, 6.0]
    assert mlflow_files.usage([]) == []


def test_how_busy_the_machine_was_is_a_metric_and_is_logged_once(workspace: Workspace) -> None:
    run, folder = run_with_maps(workspace, "ff")
    lines = [{"time_s": 1000.0 + 10 * number, "cpu_utilization_percentage": 50.0 + number} for number in range(3)]
    folder.usage_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for _ in range(2):
        logged(run, folder, workspace)
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    (found,) = client.search_runs([client.get_experiment_by_name(experiment_name(run)).experiment_id])
    history = client.get_metric_history(found.info.run_id, "system/cpu_utilization_percentage")
    assert [(one.step, one.value, one.timestamp) for one in history] == [
        (0, 50.0, 1_000_000),
        (10, 51.0, 1_010_000),
        (20, 52.0, 1_020_000),
    ]
