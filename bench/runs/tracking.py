"""Runs in MLflow: a SQLite store in the workspace, or the server that MLFLOW_TRACKING_URI names.

Results live in run.json; MLflow mirrors them, so a failure here is a sentence and never loses a result: the run is
marked, and the next command that logs anything logs it, too.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.files import write_text
from bench.machine.quiet import silence_libraries
from bench.reporting import Reporter
from bench.results import RunResult, load_run
from bench.runs.mlflow_store import MlflowStore
from bench.runs.workspace import ResultsLayout, RunLayout, Workspace
from leaderboard.costs import COSTS

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "bench.key"
LONGEST_PARAM = 500  # characters that every MLflow server takes
PARAMS_AT_ONCE = 100  # likewise, in one request
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # a password may stand in it
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
LOGGERS = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3")  # they print tracebacks, and passwords
KEPT = "Results are kept; the next `bench run` or `bench evaluate` logs what is missing."
MARK = "MLflow has not taken this run yet; the next `bench run` or `bench evaluate` tries again.\n"


class Tracker:
    """One command's mirror of runs in MLflow.

    A store that cannot be used is tried once a command, which takes seconds.
    """

    def __init__(self, workspace: Workspace, reporter: Reporter) -> None:
        self.workspace = workspace
        self.reporter = reporter
        self.store = MlflowStore.of(workspace)
        self.failed = False
        self._usable: bool | None = None  # None: not tried since the last failure

    def log(self, run: RunResult, run_folder: RunLayout) -> None:
        """Log a run with its tables and figures, and what could not be logged before; say what fails, raise nothing.

        The same run again updates what MLflow holds of it. Until it is logged, a file marks its results.
        """
        if self._usable is False:
            self._mark(run_folder.results(_protocol_name(run)))
            return
        try:
            self._mark(run_folder.results(_protocol_name(run)))
            with _quiet(), self.store.locked():
                if self._usable is None:
                    self._usable = False
                    self.store.check()
                    self._usable = True
                self._log_one(run, run_folder)
                self._catch_up()
        except Exception as error:
            what = "" if self._usable else "cannot be used: "
            why = self.store.why(error).rstrip(".")
            mend = "Mend MLFLOW_TRACKING_URI, or unset it for the workspace's own store. " if self.store.named else ""
            self.reporter.say(f"MLflow at {self.store.shown} {what}{why}. {mend}{KEPT}")
            self.failed = True
            self._usable = None if self._usable else False

    def last_line(self) -> str:
        """Where the runs are to be seen, or that some are not."""
        return "incomplete, as said above" if self.failed else self.store.hint

    def _log_one(self, run: RunResult, run_folder: RunLayout) -> None:
        try:
            _log(run, self.store, self.workspace, run_folder)
        except Exception as error:
            raise BenchError(f"did not take {run.method} seed {run.seed}: {self.store.why(error)}") from error
        run_folder.results(_protocol_name(run)).untracked_file.unlink(missing_ok=True)

    def _catch_up(self) -> None:
        """Log the runs that are marked, by this command or others."""
        for results in self.workspace.untracked():
            try:
                run = load_run(results.run_file)
            except BenchError as error:
                self.reporter.say(f"MLflow lacks a run: {error}")
                continue
            self._log_one(run, RunLayout(results.path.parents[1]))

    def _mark(self, results: ResultsLayout) -> None:
        try:
            write_text(results.untracked_file, MARK)
        except OSError:  # a full disk: the results themselves have told of it
            self.failed = True


def experiment_name(run: RunResult) -> str:
    """Dataset and protocol, such as "phantom-1a2b3c4d / paper@1"."""
    return f"{run.dataset}-{run.dataset_fingerprint[:8]} / {run.protocol}"


def _protocol_name(run: RunResult) -> str:
    return run.protocol.partition("@")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from phoning home, from waiting minutes for a lost server and from printing."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    with warnings.catch_warnings():
        silence_libraries()
        import mlflow.utils.logging_utils  # noqa: F401  (sets levels of its own)

        levels = {name: logging.getLogger(name).level for name in LOGGERS}
        try:
            for name in LOGGERS:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            for name in added:
                os.environ.pop(name, None)


def _log(run: RunResult, store: MlflowStore, workspace: Workspace, run_folder: RunLayout) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.telemetry import set_telemetry_client

    set_telemetry_client()  # MONAI may have imported MLflow earlier, with its telemetry on
    client = MlflowClient(tracking_uri=store.uri)
    run_id = _run_id(client, run, None if store.named else workspace.mlflow_artifacts.as_uri())
    created = _milliseconds(run.created)
    metrics = [Metric(name, value, created, 0) for name, value in _metrics(run).items()]
    tags = [RunTag(name, value) for name, value in _tags(run).items()]
    params = [Param(name, _param(value)) for name, value in sorted(run.config.items())]
    client.log_batch(run_id, metrics=metrics, tags=tags)
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
    _log_artifacts(client, run_id, run, run_folder)
    client.set_terminated(run_id, "FAILED" if run.status == "failed" else "FINISHED", end_time=created)


def _run_id(client: "MlflowClient", run: RunResult, artifacts: str | None) -> str:
    """The MLflow run with this key, or a new one. artifacts: URI of the folder of files; None for the store's own."""
    experiment_id = _experiment_id(client, experiment_name(run), artifacts)
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


def _experiment_id(client: "MlflowClient", name: str, artifacts: str | None) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name, artifact_location=artifacts))
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
    results = run_folder.results(_protocol_name(run))
    for file in (results.table_file, results.run_file):
        if file.exists():
            client.log_artifact(run_id, str(file))
    for figure in results.figures():
        client.log_artifact(run_id, str(figure), "figures")
    client.log_dict(run_id, run.config, "config.json")
