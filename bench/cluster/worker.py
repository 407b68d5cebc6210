"""A worker: one process that holds one fitted detector and scores the cases it is given. It knows nothing of Ray."""

import platform

from bench.cluster.progress import NotingReporter, Progress
from bench.errors import BenchError
from bench.machine.memory import keep_freed_memory
from bench.machine.quiet import silence_libraries
from bench.reporting import reporting_to
from bench.runs.run_folder import Scored
from bench.runs.scoring import FitFacts, FittedDetector, ScoringJob, Split, score_into


class Worker:
    """Fits a job's method, then scores its cases and writes their maps; the driver keeps the record.

    Args:
        job: The method, its data, and the folder of its maps.
        threads: Of torch.
    """

    def __init__(self, job: ScoringJob, threads: int) -> None:
        self.job = job
        self.threads = threads
        self.reporter = NotingReporter()
        self.fitted: FittedDetector | None = None

    def fit(self) -> FitFacts:
        """Fit: trained parts that the store holds are loaded, others trained and kept there.

        BenchError when this machine does not see the workspace; Skipped when the method cannot run here.
        """
        import torch

        silence_libraries()
        keep_freed_memory()
        torch.set_num_threads(self.threads)
        if not self.job.folder.record_file.exists():
            raise BenchError(
                f"{platform.node()} does not see {self.job.folder.path}: the workspace must lie on a disk that all "
                "nodes of the cluster share, under the same path (--workspace)."
            )
        with reporting_to(self.reporter):
            self.fitted = self.job.fitted(self.reporter)
        return self.fitted.facts

    def score(self, split: Split, index: int) -> Scored:
        """Score a case and write its maps; what it took."""
        assert self.fitted is not None, "the driver gives cases to workers that have fitted"
        return score_into(self.job.folder, self.fitted, self.job.cases(split)[index], split)

    def progress(self) -> Progress:
        """How far the fit has come; may be asked while it goes on."""
        return self.reporter.taken()
