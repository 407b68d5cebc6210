"""A real MLflow server behind an address with a password, and its page of a run."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bench.reporting import SilentReporter
from bench.results import MetricSummary, RunResult
from bench.runs import mlflow_store
from bench.runs.mlflow_run import experiment_name
from bench.runs.tracking import Tracker
from bench.runs.workspace import RunLayout, Workspace
from tests.made_runs import make_run

pytestmark = pytest.mark.slow
PASSWORD = "s3cret-of-nobody"


class Listener(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of `mlflow server`, with its own database and folder of files."""
    place = tmp_path_factory.mktemp("server")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--artifacts-destination", str(place / "files")]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (place / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=place, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0", process, place / "log")
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with its workers
        process.wait(timeout=30)


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=60)
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def zscore_run(seed: int) -> RunResult:
    values = (0.25, 0.75)
    columns = {"hd99_vox": (4.0, 4.0), "msd_vox": (2.0, 2.0), "tpr": values, "ppv": values}
    run = make_run("zscore", {"moments.image_smoothing_mm": 0.0}, seed, key=f"server-{seed}", preset="cpu", **columns)
    lesions = [[(0.3, True), (2.0, value > 0.5)] for value in values]
    cases = [case.model_copy(update={"lesions": own}) for case, own in zip(run.cases, lesions, strict=True)]
    return run.model_copy(update={"cases": cases, "metrics": {"tpr": MetricSummary(mean=0.5, se=0.25, n=2)}})


def test_a_server_takes_all_of_a_run(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_store, "LONGEST_WAIT_S", 120.0)  # a busy machine is no fault of ours
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:{PASSWORD}@{server}")
    listener = Listener()
    tracker = Tracker(Workspace(tmp_path), listener)
    folder = RunLayout(tmp_path / "run")
    folder.maps.mkdir(parents=True)
    folder.map_path("sub-0").write_bytes(b"a map")
    place = Workspace(tmp_path).dataset("phantom", zscore_run(0).dataset_fingerprint)
    place.path.mkdir(parents=True)
    place.settings_file.write_text('{"name": "phantom"}')
    for seed in (0, 1):
        tracker.log(zscore_run(seed), folder)
    assert listener.said == [] and tracker.last_line() == f"open http://{server}"

    client = MlflowClient(tracking_uri=f"http://{server}")
    experiment = client.get_experiment_by_name(experiment_name(zscore_run(0)))
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"zscore seed 0", "zscore seed 1", "zscore seeds"}
    child = runs["zscore seed 0"]
    assert child.data.tags["mlflow.parentRunId"] == runs["zscore seeds"].info.run_id
    assert child.data.params["seed"] == "0" and child.inputs.dataset_inputs[0].dataset.name == "phantom"
    files = {file.path for file in client.list_artifacts(child.info.run_id, "figures")}
    assert files == {"figures/metrics.png", "figures/lesion-volume.png"}
    assert {file.path for file in client.list_artifacts(child.info.run_id)} >= {"table.html", "report.html"}
    assert [file.path for file in client.list_artifacts(child.info.run_id, "maps")] == ["maps/case-1_anomaly.nii.gz"]
    assert PASSWORD not in "".join(str(run.to_dictionary()) for run in runs.values())
    assert not any(PASSWORD in path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.is_file())


def test_a_server_that_goes_away_costs_a_sentence_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:{PASSWORD}@127.0.0.1:9")
    listener = Listener()
    tracker = Tracker(Workspace(tmp_path), listener)
    tracker.log(zscore_run(0), RunLayout(tmp_path / "run"))
    (sentence,) = listener.said
    assert "127.0.0.1:9" in sentence and PASSWORD not in sentence and "someone" not in sentence
