"""The tracking mirror: what MLflow holds after a run, after a repeat, and after a failure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bench.reporting import SilentReporter
from bench.results import CaseResult, MetricSummary, RunResult, save_result
from bench.runs.mlflow_run import experiment_name
from bench.runs.mlflow_store import MlflowStore
from bench.runs.tracking import Tracker
from bench.runs.workspace import RunLayout, Workspace
from tests.made_runs import make_run


def zscore_run(**changes: object) -> RunResult:
    values: dict[str, object] = {
        "key": "key-1",
        "config": {"smoothing_mm": 2.0, "flow.note": "x" * 900, "nothing": None},
        "seed": 3,
        "of": 2,
        "tpr": [0.5],
        "metrics": {
            "tpr": MetricSummary(mean=0.5, se=0.1, n=1),
            "ppv": MetricSummary(mean=None, se=None, n=0),
        },
        "fit_s": 2.0,
        "git_commit": "abc",
        "device": "cpu",
    }
    return make_run("zscore", **{**values, **changes})


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One store for the module, since creating one takes seconds; tests use keys of their own."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


class Listener(SilentReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def log(run: RunResult, workspace: Workspace, folder: RunLayout | None = None) -> list[str]:
    """Log as one command does; gives what it says."""
    listener = Listener()
    Tracker(workspace, listener).log(run, folder or RunLayout(workspace.path))
    return listener.said


def kept_run(workspace: Workspace, key: str) -> tuple[RunResult, RunLayout]:
    """A run whose result lies in the workspace."""
    run, folder = zscore_run(key=key), RunLayout(workspace.runs / "phantom-01234567" / f"zscore-{key}")
    save_result(folder.results("paper").run_file, run)
    return run, folder


def stored(workspace: Workspace, run: RunResult) -> list:
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    experiment = client.get_experiment_by_name(experiment_name(run))
    return client.search_runs([experiment.experiment_id], f"tags.`bench.key` = '{run.key}'")


def test_a_run_is_logged_with_params_metrics_tags_and_artifacts(workspace: Workspace) -> None:
    run = zscore_run()
    folder = RunLayout(workspace.runs / "d" / "m")
    save_result(folder.results("paper").run_file, run)

    assert log(run, workspace, folder) == []

    assert experiment_name(run) == "phantom-01234567 paper@1"
    (logged,) = stored(workspace, run)
    assert logged.info.run_name == "zscore seed 3"
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {
        **{"smoothing_mm": "2.0", "flow.note": "x" * 500, "nothing": "none"},
        **{"method": "zscore", "seed": "3", "preset": "none"},
    }
    assert logged.data.metrics == {"tpr_mean": 0.5, "tpr_se": 0.1, "cases": 1, "cases_of": 2, "fit_s": 2.0}
    assert logged.data.tags["git_commit"] == "abc"
    assert logged.data.tags["dataset_fingerprint"] == "0123456789abcdef"
    assert logged.data.tags["device"] == "cpu"
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    paths = {file.path for file in client.list_artifacts(logged.info.run_id)}
    assert paths == {"cases.csv", "run.json", "config.json", "table.md", "table.html", "report.html", "figures"}
    assert [file.path for file in client.list_artifacts(logged.info.run_id, "figures")] == ["figures/metrics.png"]
    experiment = client.get_experiment(logged.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    (dataset,) = logged.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("phantom", "0123456789abcdef")
    assert [tag.value for tag in dataset.tags] == ["test"]
    assert logged.data.tags["mlflow.user"] and logged.data.tags["mlflow.source.name"].startswith("bench")
    assert workspace.mlflow_database.exists()
    assert list(workspace.mlflow_artifacts.rglob("cases.csv"))


def test_the_same_run_again_updates_and_does_not_duplicate(workspace: Workspace) -> None:
    run = zscore_run(key="key-2")
    again = zscore_run(
        key="key-2",
        created="2026-01-02T04:00:00+00:00",
        metrics={"tpr": MetricSummary(mean=0.75, se=0.2, n=2)},
    )
    assert log(run, workspace) == []
    assert log(again, workspace) == []
    (logged,) = stored(workspace, run)
    assert logged.data.metrics["tpr_mean"] == 0.75


def test_a_failed_run_is_failed_and_finishes_when_repeated(workspace: Workspace) -> None:
    failed = zscore_run(key="key-3", status="failed", error="no weights", cases=[], metrics={})
    assert log(failed, workspace) == []
    (logged,) = stored(workspace, failed)
    assert logged.info.status == "FAILED"
    assert logged.data.tags["error"] == "no weights"

    assert log(zscore_run(key="key-3", created="2026-01-02T05:00:00+00:00"), workspace) == []
    (logged,) = stored(workspace, failed)
    assert logged.info.status == "FINISHED"
    assert logged.data.tags["error"] == ""


def test_more_params_than_one_request_takes(workspace: Workspace) -> None:
    run = zscore_run(key="key-4", config={f"flow.setting{i}": i for i in range(130)})
    assert log(run, workspace) == []
    (logged,) = stored(workspace, run)
    assert len(logged.data.params) == 133


def test_subjects_stay_out_of_mlflow_unless_let_in(workspace: Workspace, tmp_path: Path) -> None:
    cases = [CaseResult(id=f"sub-{name}", threshold=0.5, metrics={"tpr": 0.5}) for name in ("ann", "anna")]
    told = {"failed_cases": {"sub-bob": "no file /home/me/sub-bob/T1w.nii"}, "error": "sub-bob has no T1w", "of": 3}
    run = zscore_run(key="key-5", cases=cases, **told)
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    for allowed in (False, True):
        Tracker(workspace, SilentReporter(), allowed).log(run, RunLayout(workspace.path))
        (logged,) = stored(workspace, run)
        texts = [str(logged.to_dictionary())]
        for file in ("run.json", "cases.csv", "table.md", "table.html", "report.html"):
            downloaded = Path(client.download_artifacts(logged.info.run_id, file, str(tmp_path)))
            texts.append(downloaded.read_text(encoding="utf-8"))
        named = [name for name in ("sub-ann", "sub-anna", "sub-bob", "/home/me") if any(name in one for one in texts)]
        assert named == (["sub-ann", "sub-anna", "sub-bob", "/home/me"] if allowed else [])
        assert ("case-2" in texts[1]) is not allowed


def test_seeds_are_children_of_one_run_with_their_means(workspace: Workspace) -> None:
    for seed, mean in ((0, 0.25), (1, 0.75)):
        metrics = {"tpr": MetricSummary(mean=mean, se=0.1, n=1)}
        assert log(zscore_run(key=f"seeds-{seed}", seed=seed, config={"seeds": 1}, metrics=metrics), workspace) == []
    children = [stored(workspace, zscore_run(key=f"seeds-{seed}"))[0] for seed in (0, 1)]
    (parent_id,) = {child.data.tags["mlflow.parentRunId"] for child in children}
    parent = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri).get_run(parent_id)
    assert parent.info.run_name == "zscore seeds" and parent.data.metrics == {"tpr_mean": 0.5}
    assert parent.data.tags["seeds"] == "0 1" and "seed" not in parent.data.params


def test_curves_of_trained_parts_have_steps(workspace: Workspace) -> None:
    card = {
        **{"key": "k", "component": "score-model", "version": 1, "config": {"width": 8}, "dataset": "phantom"},
        **{"training_fingerprint": "f", "channels": ["T1w"], "seed": 3, "upstream": None, "command": "", "machine": ""},
        **{"torch": "2", "parameters": 5, "fit_s": 7.0},
        "figures": {"mean at step 100": 0.9, "mean at step 200": 0.8, "0.04-0.12": 0.5},
    }
    place = workspace.trained_parts / "score-model-k"
    place.mkdir(parents=True)
    (place / "card.json").write_text(json.dumps(card), encoding="utf-8")
    run = zscore_run(key="key-6", config={"score_model.width": 8})
    assert log(run, workspace) == []
    (logged,) = stored(workspace, run)
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    history = client.get_metric_history(logged.info.run_id, "score-model/mean")
    assert [(one.step, one.value) for one in history] == [(100, 0.9), (200, 0.8)]
    assert logged.data.metrics["score-model/0.04-0.12"] == 0.5 and logged.data.metrics["score-model/fit_s"] == 7.0


def test_an_experiment_of_an_earlier_version_is_renamed(workspace: Workspace) -> None:
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    earlier = client.create_experiment("phantom-89abcdef / paper@1", workspace.mlflow_artifacts.as_uri())
    assert log(zscore_run(key="key-7", dataset_fingerprint="89abcdef" * 2), workspace) == []
    assert client.get_experiment(earlier).name == "phantom-89abcdef paper@1"


def test_artifacts_never_go_into_the_folder_that_a_command_is_typed_in(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experiments of earlier versions name a relative folder, `mlruns/1`: these stay as they are."""
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(tracking_uri=MlflowStore.of(workspace).uri)
    earlier = client.create_experiment("phantom-89abcdef / paper@1")
    assert "://" not in client.get_experiment(earlier).artifact_location
    assert log(zscore_run(key="key-7", dataset_fingerprint="89abcdef" * 2), workspace) == []
    assert client.get_experiment(earlier).name == "phantom-89abcdef / paper@1"
    assert client.get_experiment_by_name("phantom-89abcdef paper@1") is not None
    assert not (tmp_path / "mlruns").exists()


SILENT = """
import socket, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
def refuse(*arguments):
    print("network", arguments, file=sys.stderr)
    raise OSError("no network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from bench.cli.console import PlainReporter
from bench.runs.tracking import Tracker
from bench.results import load_run
from bench.runs.workspace import RunLayout, Workspace
for folder in sys.argv[3:]:
    run = load_run(RunLayout(Path(folder)).results("paper").run_file)
    Tracker(Workspace(Path(sys.argv[1])), PlainReporter()).log(run, RunLayout(Path(folder)))
"""


def begin_logging(workspace: Workspace, *folders: RunLayout) -> "subprocess.Popen[str]":
    """Log runs in a process of its own, without a network."""
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", SILENT, str(workspace.path), str(root), *(str(folder.path) for folder in folders)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(workspace.path.parent)},
    )


def test_two_first_loggings_at_once_lose_none_are_silent_and_stay_off_the_network(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    kept = [kept_run(workspace, f"key-{index}") for index in range(2)]
    commands = [begin_logging(workspace, folder) for _, folder in kept]
    assert [(*command.communicate(timeout=300), command.returncode) for command in commands] == [("", "", 0)] * 2
    assert [len(stored(workspace, run)) for run, _ in kept] == [1, 1]
    assert workspace.untracked() == []
    assert {path.name for path in workspace.path.iterdir()} == {"runs", "mlflow.db", "mlflow.db.lock", "mlartifacts"}


def test_the_database_lies_in_a_workspace_of_any_name(tmp_path: Path) -> None:
    name = "a?b=c %20 50% #1 ü"
    workspace = Workspace(tmp_path / name)
    run, folder = kept_run(workspace, "key-1")
    assert log(run, workspace, folder) == []
    assert len(stored(workspace, run)) == 1
    assert {path.name for path in workspace.path.iterdir()} == {"runs", "mlflow.db", "mlflow.db.lock", "mlartifacts"}
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert list(workspace.mlflow_artifacts.rglob("run.json"))
