"""A crew replaces workers that die, gives their cases to others, and gives up where nothing goes on any more."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle, repeat
from types import SimpleNamespace
from typing import Any

import pytest

from bench.cluster.crew import TRIES, Crew
from bench.cluster.progress import Progress
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.run_folder import Scored
from bench.runs.scoring import FitFacts

FACTS = FitFacts(fit_s=1.0, inherited_fit_s=0.0, parameters=3)
MOST = 2


class Death(Exception):
    """Of a worker."""


class Raised(Exception):
    """In a worker."""

    cause = ValueError("no such case")


@dataclass(eq=False)
class Promise:
    """What a call on a worker will give."""

    result: Any


@dataclass
class MadeUpRay:
    """A cluster whose workers answer at once. fits: what each worker's fit gives; scores: what scoring a case gives."""

    fits: Iterator[Any]
    scores: Callable[[int], Any] = lambda index: Scored(runtime_s=1.0)
    scored: Counter[int] = field(default_factory=Counter)
    workers: int = 0
    killed: int = 0
    exceptions = SimpleNamespace(
        RayActorError=Death, WorkerCrashedError=Death, NodeDiedError=Death, OutOfMemoryError=Death, RayTaskError=Raised
    )

    def worker(self) -> Any:
        """Begin one."""
        self.workers += 1
        fit = SimpleNamespace(remote=lambda: Promise(next(self.fits)))
        progress = SimpleNamespace(remote=lambda: Promise(Progress()))
        return SimpleNamespace(fit=fit, progress=progress, score=SimpleNamespace(remote=self.score))

    def score(self, split: str, index: int) -> Promise:
        """Of a worker."""
        self.scored[index] += 1
        return Promise(self.scores(index))

    def wait(self, given: Sequence[Any], num_returns: int = 1, timeout: float | None = None) -> tuple[Any, Any]:
        """The first is there."""
        return list(given[:1]), list(given[1:])

    def get(self, promise: Promise) -> Any:
        """What it gives, or raises."""
        if isinstance(promise.result, Exception):
            raise promise.result
        return promise.result

    def kill(self, worker: Any) -> None:
        """End one."""
        self.killed += 1


def crew_of(ray: MadeUpRay) -> Crew:
    return Crew(ray, ray.worker, MOST, SilentReporter())


def test_it_gives_up_when_no_worker_lives_to_fit() -> None:
    ray = MadeUpRay(fits=repeat(Death()))
    with pytest.raises(BenchError, match=f"^{TRIES + MOST} workers died while they were fitted; "):
        crew_of(ray).fit()
    assert ray.workers == TRIES + MOST


def test_it_gives_up_between_cases_too() -> None:
    ray = MadeUpRay(fits=chain([FACTS], repeat(Death())), scores=lambda index: Death())
    with pytest.raises(BenchError, match="workers died while they were fitted"):
        list(crew_of(ray).outcomes("test", range(5)))


def test_it_goes_on_as_long_as_something_is_finished_in_between() -> None:
    ray = MadeUpRay(fits=cycle([FACTS, *[Death()] * (TRIES + MOST - 1)]))
    ray.scores = lambda index: Death() if ray.scored[index] == 1 else Scored(runtime_s=1.0)
    outcomes = list(crew_of(ray).outcomes("test", range(20)))
    assert sorted(outcome.index for outcome in outcomes) == list(range(20))
    assert all(outcome.scored for outcome in outcomes)
    assert ray.workers > TRIES + MOST


def test_a_case_that_kills_its_workers_is_given_up_and_no_other_is() -> None:
    ray = MadeUpRay(fits=repeat(FACTS), scores=lambda index: Death() if index == 1 else Scored(runtime_s=1.0))
    outcomes = {outcome.index: outcome for outcome in crew_of(ray).outcomes("test", [0, 1, 2, 3])}
    assert str(outcomes[1].error).startswith(f"{TRIES} workers died while they scored it; ")
    assert ray.scored == {0: 1, 1: TRIES, 2: 1, 3: 1}
    assert [outcomes[index].scored is not None for index in (0, 2, 3)] == [True] * 3


def test_an_error_of_a_case_is_its_own_and_its_worker_goes_on() -> None:
    ray = MadeUpRay(fits=repeat(FACTS), scores=lambda index: Raised() if index == 0 else Scored(runtime_s=1.0))
    crew = crew_of(ray)
    outcomes = {outcome.index: outcome for outcome in crew.outcomes("test", [0, 1, 2])}
    assert outcomes[0].error is Raised.cause and ray.scored == {0: 1, 1: 1, 2: 1}
    crew.close()
    assert ray.killed == ray.workers <= MOST
