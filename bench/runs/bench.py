"""Where a command works, handed through all of a run."""

from dataclasses import dataclass, field

from bench.reporting import Reporter
from bench.runs.backend import Backend, LocalBackend
from bench.runs.store import Store
from bench.runs.tracking import Tracker
from bench.runs.workspace import Workspace
from metrics.definitions.standard import METRICS
from metrics.metric import Metric


@dataclass(frozen=True)
class Bench:
    """Where a command works: its workspace, progress view, store of trained parts and mirror in MLflow.

    Args:
        workspace: The folder of runs and trained parts.
        reporter: Where progress and messages go.
        workers: How many cases are evaluated at the same time; None for as many as there are cores.
        metrics: What is measured of each case.
        backend: Where methods are fitted and cases scored.
        log_subject_ids: MLflow may name cases as the dataset does.
    """

    workspace: Workspace
    reporter: Reporter
    workers: int | None = None
    metrics: tuple[Metric, ...] = METRICS
    backend: Backend = field(default_factory=LocalBackend)
    log_subject_ids: bool = False
    store: Store = field(init=False)
    tracker: Tracker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", Store(self.workspace.trained_parts))
        object.__setattr__(self, "tracker", Tracker(self.workspace, self.reporter, self.log_subject_ids))
