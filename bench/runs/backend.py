"""Where methods are fitted, cases scored and maps evaluated: in this process, or on a cluster (bench.cluster)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeAlias

from bench.reporting import Reporter
from bench.runs.case_pool import case_pool
from bench.runs.choice import chosen_device
from bench.runs.scoring import LocalScorer, Scorer, ScoringJob

Evaluate: TypeAlias = Callable[[int, float | None], object]


class Backend(Protocol):
    """A place to work."""

    def device(self, wanted: str) -> str:
        """ "cpu" or "cuda" for "auto"; BenchError for a device that is not there."""

    def scorer(self, job: ScoringJob, reporter: Reporter) -> AbstractContextManager[Scorer]:
        """Who fits the job's method and scores its cases."""

    def evaluating(self, evaluate: Evaluate) -> AbstractContextManager[Callable[[int], object]]:
        """Gives a function that takes a case's index and has it evaluated while other cases are scored; what fails, or
        is not reached, is left to who evaluates in the end."""


class LocalBackend:
    """This process: cases are scored one by one, and evaluated in a thread beside."""

    def device(self, wanted: str) -> str:
        """As torch sees it here."""
        return chosen_device(wanted)

    @contextmanager
    def scorer(self, job: ScoringJob, reporter: Reporter) -> Iterator[Scorer]:
        """One case after another."""
        yield LocalScorer(job, reporter)

    @contextmanager
    def evaluating(self, evaluate: Evaluate) -> Iterator[Callable[[int], object]]:
        """In one thread."""
        with case_pool(workers=1) as pool:
            yield lambda index: pool.submit(evaluate, index, None)
