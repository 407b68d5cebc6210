"""Runs in MLflow: a SQLite store in the workspace, or the server that MLFLOW_TRACKING_URI names.

Results live in run.json; MLflow mirrors them, so a failure here is a warning and never loses a result.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench.machine.quiet import silence_libraries
from bench.results import RunResult
from bench.runs.workspace import RunLayout, Workspace
from leaderboard.costs import COSTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "bench.key"
LONGEST_PARAM = 500  # characters that every MLflow server takes
PARAMS_AT_ONCE = 100  # likewise, in one request
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def tracking_uri(workspace: Workspace) -> str:
    """MLFLOW_TRACKING_URI, or else the workspace's SQLite store."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace.mlflow_database}"


def experiment_name(run: RunResult) -> str:
    """Dataset and protocol, such as "phantom-1a2b3c4d / paper@1"."""
    return f"{run.dataset}-{run.dataset_fingerprint[:8]} / {run.protocol}"


def log_run(run: RunResult, workspace: Workspace, run_folder: RunLayout) -> str | None:
    """Log a run with its tables and figures; the same run again updates what is there.

    run_folder: the run's folder, whose tables and figures are logged. Returns a warning sentence when MLflow
    could not take the run, otherwise None; raises nothing.
    """
    try:
        with _quiet():
            _log(run, workspace, run_folder)
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        return f"MLflow at {tracking_uri(workspace)} did not take {run.method} seed {run.seed}: {reason}"
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from phoning home and from waiting minutes for a lost server; its own log stays silent."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    disabled = logging.root.manager.disable
    os.environ.update(added)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            silence_libraries()
            yield
    finally:
        logging.disable(disabled)
        for name in added:
            os.environ.pop(name, None)


def _log(run: RunResult, workspace: Workspace, run_folder: RunLayout) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.telemetry import set_telemetry_client

    set_telemetry_client()  # MONAI may have imported MLflow earlier, with its telemetry on
    client = MlflowClient(tracking_uri=tracking_uri(workspace))
    run_id = _run_id(client, run, workspace)
    created = _milliseconds(run.created)
    metrics = [Metric(name, value, created, 0) for name, value in _metrics(run).items()]
    tags = [RunTag(name, value) for name, value in _tags(run).items()]
    params = [Param(name, _param(value)) for name, value in sorted(run.config.items())]
    client.log_batch(run_id, metrics=metrics, tags=tags)
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
    _log_artifacts(client, run_id, run, run_folder)
    client.set_terminated(run_id, "FAILED" if run.status == "failed" else "FINISHED", end_time=created)


def _run_id(client: "MlflowClient", run: RunResult, workspace: Workspace) -> str:
    """The MLflow run with this key, or a new one."""
    experiment_id = _experiment_id(client, experiment_name(run), workspace)
    found = client.search_runs([experiment_id], f"tags.`{KEY}` = '{run.key}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    seconds = (run.fit_s or 0) + (run.runtime_s_per_case or 0) * run.n
    new = client.create_run(
        experiment_id,
        start_time=_milliseconds(run.created) - round(1000 * seconds),
        tags={KEY: run.key},
        run_name=f"{run.method} seed {run.seed}",
    )
    return str(new.info.run_id)


def _experiment_id(client: "MlflowClient", name: str, workspace: Workspace) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        own_store = not os.environ.get("MLFLOW_TRACKING_URI")
        location = workspace.mlflow_artifacts.as_uri() if own_store else None
        return str(client.create_experiment(name, artifact_location=location))
    return str(experiment.experiment_id)


def _milliseconds(created: str) -> int:
    return round(1000 * datetime.fromisoformat(created).timestamp())


def _param(value: Any) -> str:
    return ("none" if value is None else str(value))[:LONGEST_PARAM]


def _metrics(run: RunResult) -> dict[str, float]:
    """Means and standard errors, counts of cases, costs; what is undefined is left out."""
    values: dict[str, float | None] = {"cases": run.n, "cases_of": run.of}
    for name, summary in run.metrics.items():
        values |= {f"{name}_mean": summary.mean, f"{name}_se": summary.se}
    values |= {column.name: getattr(run, column.name) for column in COSTS if column.is_number}
    return {name: float(value) for name, value in values.items() if value is not None}


def _tags(run: RunResult) -> dict[str, str]:
    tags = {
        "method": run.method,
        "seed": run.seed,
        "preset": run.preset,
        "device": run.device,
        "external": run.external,
        "url": run.url,
        "mlflow.source.git.commit": run.git_commit,
        "git_commit": run.git_commit,
        "bench_version": run.bench_version,
        **{f"version.{name}": version for name, version in run.versions.items()},
        "dataset": run.dataset,
        "dataset_fingerprint": run.dataset_fingerprint,
        "protocol": run.protocol,
        "protocol_hash": run.protocol_hash,
        "oracle": run.oracle,
        "status": run.status,
        "error": run.error or "",
        "failed_cases": len(run.failed_cases),
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def _log_artifacts(client: "MlflowClient", run_id: str, run: RunResult, run_folder: RunLayout) -> None:
    """Tables, figures and config; artifacts of an earlier logging are overwritten."""
    results = run_folder.results(run.protocol.partition("@")[0])
    for file in (results.table_file, results.run_file):
        if file.exists():
            client.log_artifact(run_id, str(file))
    for figure in results.figures():
        client.log_artifact(run_id, str(figure), "figures")
    client.log_dict(run_id, run.config, "config.json")
