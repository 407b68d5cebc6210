"""Runs in MLflow: a SQLite store in the workspace, or the server that MLFLOW_TRACKING_URI names.

Results live in run.json; MLflow mirrors them, so a failure here is a sentence and never loses a result: the run is
marked, and the next command that logs anything logs it, too.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from bench.errors import BenchError
from bench.files import write_text
from bench.machine.quiet import silence_libraries
from bench.reporting import Reporter
from bench.results import RunResult, load_run
from bench.runs.mlflow_run import log_run
from bench.runs.mlflow_store import MlflowStore
from bench.runs.workspace import ResultsLayout, RunLayout, Workspace

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

ResultT = TypeVar("ResultT")


class Tracker:
    """One command's mirror of runs in MLflow.

    A store that cannot be used is tried once a command, which takes seconds. Subjects' ids stay out of it unless
    `subject_ids` lets them in.
    """

    def __init__(self, workspace: Workspace, reporter: Reporter, subject_ids: bool = False) -> None:
        self.workspace = workspace
        self.reporter = reporter
        self.subject_ids = subject_ids
        self.store = MlflowStore.of(workspace)
        self.failed = False
        self._usable: bool | None = None  # None: not tried since the last failure

    def log(self, run: RunResult, run_folder: RunLayout) -> None:
        """Log a run with its tables and figures, and what could not be logged before; say what fails, raise nothing.

        The same run again updates what MLflow holds of it. Until it is logged, a file marks its results.
        """
        self._mark(run_folder.results(_protocol_name(run)))

        def work() -> None:
            self._log_one(run, run_folder)
            self._catch_up()

        self._attempt(work, KEPT)

    def log_more(
        self, run: RunResult, run_folder: RunLayout, work: Callable[[MlflowStore, str], ResultT], kept: str
    ) -> ResultT | None:
        """Log a run, then do what else belongs to it, given the store and MLflow's id of the run.

        Gives what that gives; None when it could not be done. That is said, with `kept`: what is there all the same.
        """
        return self._attempt(lambda: work(self.store, self._log_one(run, run_folder)), kept)

    def last_line(self) -> str:
        """Where the runs are to be seen, or that some are not."""
        return "incomplete, as said above" if self.failed else self.store.hint

    def _attempt(self, work: Callable[[], ResultT], kept: str) -> ResultT | None:
        """Do something with the store if it can be used, its lock held; what fails is said, and None given."""
        if self._usable is False:
            return None
        try:
            with _quiet(), self.store.locked():
                if self._usable is None:
                    self._usable = False
                    self.store.check()
                    self._usable = True
                return work()
        except Exception as error:
            what = "" if self._usable else "cannot be used: "
            why = self.store.why(error).rstrip(".")
            mend = "Mend MLFLOW_TRACKING_URI, or unset it for the workspace's own store. " if self.store.named else ""
            self.reporter.say(f"MLflow at {self.store.shown} {what}{why}. {mend}{kept}")
            self.failed = True
            self._usable = None if self._usable else False
            return None

    def _log_one(self, run: RunResult, run_folder: RunLayout) -> str:
        try:
            run_id = log_run(run, self.store, self.workspace, run_folder, self.subject_ids)
        except Exception as error:
            raise BenchError(f"did not take {run.method} seed {run.seed}: {self.store.why(error)}") from error
        run_folder.results(_protocol_name(run)).untracked_file.unlink(missing_ok=True)
        return run_id

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
