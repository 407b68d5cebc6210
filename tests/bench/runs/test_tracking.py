"""The tracking mirror: what MLflow holds after a run, after a repeat, and after a failure."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bench.results import CaseResult, MetricSummary, RunResult, save_result
from bench.runs.tracking import experiment_name, log_run, tracking_uri
from bench.runs.workspace import RunLayout, Workspace


def make_run(**changes: object) -> RunResult:
    values: dict[str, object] = {
        "key": "key-1",
        "dataset": "phantom",
        "dataset_fingerprint": "0123456789abcdef",
        "method": "zscore",
        "title": "z-score",
        "config": {"smoothing_mm": 2.0, "flow.note": "x" * 900, "nothing": None},
        "seed": 3,
        "protocol": "paper@1",
        "protocol_hash": "ffff",
        "oracle": True,
        "status": "finished",
        "of": 2,
        "cases": [CaseResult(id="a", threshold=0.5, metrics={"tpr": 0.5}, runtime_s=1.0)],
        "metrics": {
            "tpr": MetricSummary(mean=0.5, se=0.1, n=1),
            "ppv": MetricSummary(mean=None, se=None, n=0),
        },
        "fit_s": 2.0,
        "git_commit": "abc",
        "device": "cpu",
        "created": "2026-01-02T03:04:05+00:00",
    }
    return RunResult.model_validate({**values, **changes})


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One store for the module, since creating one takes seconds; tests use keys of their own."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


def stored(workspace: Workspace, run: RunResult) -> list:
    client = MlflowClient(tracking_uri=tracking_uri(workspace))
    experiment = client.get_experiment_by_name(experiment_name(run))
    return client.search_runs([experiment.experiment_id], f"tags.`bench.key` = '{run.key}'")


def test_a_run_is_logged_with_params_metrics_tags_and_artifacts(workspace: Workspace) -> None:
    run = make_run()
    folder = RunLayout(workspace.runs / "d" / "m")
    save_result(folder.results("paper").run_file, run)
    folder.results("paper").table_file.write_text("id,tpr\na,0.5\n")
    (folder.results("paper").path / "slices.png").write_bytes(b"png")

    assert log_run(run, workspace, folder) is None

    assert experiment_name(run) == "phantom-01234567 / paper@1"
    (logged,) = stored(workspace, run)
    assert logged.info.run_name == "zscore seed 3"
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"smoothing_mm": "2.0", "flow.note": "x" * 500, "nothing": "none"}
    assert logged.data.metrics == {"tpr_mean": 0.5, "tpr_se": 0.1, "cases": 1, "cases_of": 2, "fit_s": 2.0}
    assert logged.data.tags["git_commit"] == "abc"
    assert logged.data.tags["dataset_fingerprint"] == "0123456789abcdef"
    assert logged.data.tags["device"] == "cpu"
    client = MlflowClient(tracking_uri=tracking_uri(workspace))
    paths = {file.path for file in client.list_artifacts(logged.info.run_id)}
    assert paths == {"cases.csv", "run.json", "config.json", "figures"}
    assert workspace.mlflow_database.exists()
    assert list(workspace.mlflow_artifacts.rglob("cases.csv"))


def test_the_same_run_again_updates_and_does_not_duplicate(workspace: Workspace) -> None:
    run = make_run(key="key-2")
    again = make_run(
        key="key-2",
        created="2026-01-02T04:00:00+00:00",
        metrics={"tpr": MetricSummary(mean=0.75, se=0.2, n=2)},
    )
    assert log_run(run, workspace, RunLayout(workspace.path)) is None
    assert log_run(again, workspace, RunLayout(workspace.path)) is None
    (logged,) = stored(workspace, run)
    assert logged.data.metrics["tpr_mean"] == 0.75


def test_a_failed_run_is_failed_and_finishes_when_repeated(workspace: Workspace) -> None:
    failed = make_run(key="key-3", status="failed", error="no weights", cases=[], metrics={})
    assert log_run(failed, workspace, RunLayout(workspace.path)) is None
    (logged,) = stored(workspace, failed)
    assert logged.info.status == "FAILED"
    assert logged.data.tags["error"] == "no weights"

    assert (
        log_run(make_run(key="key-3", created="2026-01-02T05:00:00+00:00"), workspace, RunLayout(workspace.path))
        is None
    )
    (logged,) = stored(workspace, failed)
    assert logged.info.status == "FINISHED"
    assert logged.data.tags["error"] == ""


def test_more_params_than_one_request_takes(workspace: Workspace) -> None:
    run = make_run(key="key-4", config={f"flow.setting{i}": i for i in range(130)})
    assert log_run(run, workspace, RunLayout(workspace.path)) is None
    (logged,) = stored(workspace, run)
    assert len(logged.data.params) == 130


def test_a_store_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")
    warning = log_run(make_run(), Workspace(tmp_path), RunLayout(tmp_path))
    assert warning is not None
    assert "did not take zscore seed 3" in warning
    assert "\n" not in warning


def test_a_server_that_is_gone_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:  # a port that nobody listens on
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    warning = log_run(make_run(), Workspace(tmp_path), RunLayout(tmp_path))
    assert warning is not None
    assert f"127.0.0.1:{port}" in warning
    assert not (tmp_path / "mlflow.db").exists()


SILENT = """
import socket, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
def refuse(*arguments):
    print("network", arguments, file=sys.stderr)
    raise OSError("no network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from bench.runs.tracking import log_run
from bench.results import RunResult
from bench.runs.workspace import RunLayout, Workspace
run = RunResult.model_validate_json(Path(sys.argv[1], "run.json").read_text())
assert log_run(run, Workspace(Path(sys.argv[1])), RunLayout(Path(sys.argv[1]))) is None
"""


def test_a_first_logging_is_silent_and_stays_off_the_network(tmp_path: Path) -> None:
    save_result(tmp_path / "run.json", make_run())
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(tmp_path), str(root)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
