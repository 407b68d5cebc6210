"""An exported model in MLflow's registry, by the command as it is typed."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli
from bench.contributing.contract import tiny_dataset
from bench.models.model import Model
from bench.models.registry import CHECKSUM
from bench.runs.mlflow_store import MlflowStore
from bench.runs.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """With a finished run."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: tiny_dataset())
    place = Workspace(tmp_path / "workspace")
    shown = invoke("run", "--method", "zscore", "--threads", "1", "--workers", "1", "--workspace", str(place))
    assert shown.exit_code == 0, shown.output
    return place


def invoke(*arguments: str):
    return CliRunner().invoke(cli.app, [*arguments])


def export(workspace: Workspace, to: Path):
    options = ["--name", "mine", "--licence", "MIT", "--to", str(to), "--threads", "1", "--workspace", str(workspace)]
    return invoke("models", "export", "zscore", *options)


def test_each_export_is_a_version_with_its_files(workspace: Workspace, tmp_path: Path) -> None:
    for number in ("1", "2"):
        shown = export(workspace, tmp_path / number)
        assert shown.exit_code == 0 and f"registered model mine, version {number};" in shown.output
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    versions = {one.version: one for one in client.search_model_versions("name = 'mine'")}
    assert {str(number) for number in versions} == {"1", "2"}
    (experiment,) = [one for one in client.search_experiments() if one.name.startswith("tiny-")]
    (run,) = client.search_runs([experiment.experiment_id])
    for one in versions.values():
        made = Model.open(tmp_path / str(one.version)).manifest
        assert (one.run_id, one.tags[CHECKSUM], one.tags["licence"]) == (run.info.run_id, made.checksum, "MIT")
        assert "## Thresholds" in one.description
        place = tmp_path / f"fetched-{one.version}"
        download_artifacts(one.source, dst_path=str(place), tracking_uri=MlflowStore.of(workspace).uri)
        (fetched,) = place.rglob("model.json")
        assert Model.open(fetched.parent).manifest == made


def test_a_registry_that_cannot_be_used_costs_a_sentence_and_no_model(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hunter22@127.0.0.1:9")
    shown = export(workspace, tmp_path / "model")
    assert shown.exit_code == 0 and "registered" not in shown.output and "hunter22" not in shown.output
    assert "MLflow at http://127.0.0.1:9 cannot be used" in shown.output
    assert f"The model is kept in {tmp_path / 'model'}." in shown.output
    Model.open(tmp_path / "model")
