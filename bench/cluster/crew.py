"""The workers of one method: they take cases one by one; one that dies is replaced, and its case given to another."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from bench.cluster.progress import ShownProgress
from bench.errors import BenchError
from bench.reporting import Reporter
from bench.runs.scoring import FitFacts, Outcome, Split

TRIES = 4  # of a fit, or of a case, whose worker dies
LOOK_EVERY_S = 0.5  # at the progress of a fit
PATIENCE_S = 30.0  # until it is said that the cluster has no room for a worker


class Crew:
    """One worker, which fits; when cases are to be scored, as many as there is work and room for.

    Args:
        ray: The module, connected.
        begin: Starts a worker's process, an actor of `bench.cluster.worker.Worker`; with all it has to hold.
        most: How many workers there may be.
        reporter: Where progress of the fit goes.
    """

    def __init__(self, ray: Any, begin: Callable[[], Any], most: int, reporter: Reporter) -> None:
        self.ray = ray
        self.begin = begin
        self.most = most
        self.reporter = reporter
        self.facts: FitFacts | None = None
        self.idle: list[Any] = []  # workers that have fitted
        self.fitting: dict[Any, Any] = {}  # what a fit will give -> the worker
        self.scoring: dict[Any, tuple[Any, int]] = {}  # what scoring will give -> the worker, the case's index
        self.died: Counter[int] = Counter()  # index of a case -> workers that died of it
        self.unfitted = 0  # workers that died while they were fitted, since one has done something

    @property
    def workers(self) -> list[Any]:
        """All of them."""
        return [*self.idle, *self.fitting.values(), *(worker for worker, _ in self.scoring.values())]

    def fit(self) -> FitFacts:
        """Fit, the first time it is called, with one worker alone: what it trains, the others load."""
        while self.facts is None:
            if not self.fitting:
                self._add_worker()
            ((ref, worker),) = self.fitting.items()
            self._watch(ref, worker)
            self._end_of_fit(ref)
        return self.facts

    def outcomes(self, split: Split, indices: Sequence[int]) -> Iterator[Outcome]:
        """Score these cases of a split; each outcome as it comes."""
        self.fit()
        waiting = deque(indices)
        while waiting or self.scoring:
            while waiting and self.idle:
                worker, index = self.idle.pop(), waiting.popleft()
                self.scoring[worker.score.remote(split, index)] = (worker, index)
            while len(self.workers) < self.most and len(self.fitting) < len(waiting):
                self._add_worker()
            (ref,), _ = self.ray.wait([*self.scoring, *self.fitting], num_returns=1)
            if ref in self.fitting:
                self._end_of_fit(ref)
            elif outcome := self._end_of_score(ref):
                yield outcome
            else:
                waiting.append(self.scoring.pop(ref)[1])  # behind the others: it may be what kills workers

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            self.ray.kill(worker)

    def _add_worker(self) -> None:
        worker = self.begin()
        self.fitting[worker.fit.remote()] = worker

    def _watch(self, ref: Any, worker: Any) -> None:
        """Show the progress of a fit until it ends."""
        with ShownProgress(self.reporter) as shown:
            seen, waited_s = worker.progress.remote(), 0.0
            done: Sequence[Any] = ()
            while not done:
                done, _ = self.ray.wait([ref], timeout=LOOK_EVERY_S)
                if self.ray.wait([seen], timeout=0)[0]:
                    self._show(seen, shown)
                    seen, waited_s = worker.progress.remote(), 0.0
                elif waited_s < PATIENCE_S <= waited_s + LOOK_EVERY_S:
                    self.reporter.say("The cluster has no room for a worker yet: waiting.")
                waited_s += LOOK_EVERY_S
            self._show(worker.progress.remote(), shown)  # the last words

    def _show(self, seen: Any, shown: ShownProgress) -> None:
        with suppress(*self._deaths):  # which `_end_of_fit` sees, too
            shown.show(self.ray.get(seen))

    def _end_of_fit(self, ref: Any) -> None:
        """Keep a worker that has fitted, forget one that has died. Raises what the method's fit raises."""
        worker = self.fitting.pop(ref)
        try:
            self.facts = self.ray.get(ref)
        except self._deaths as death:
            self.unfitted += 1
            if self.unfitted >= TRIES + self.most:
                raise BenchError(f"{self.unfitted} workers died while they were fitted; {WHY}") from death
            self.reporter.say("A worker died before it was ready: another one is begun.")
            self.ray.kill(worker)
        except self.ray.exceptions.RayTaskError as error:
            raise original(error) from None
        else:
            self.unfitted = 0
            self.idle.append(worker)

    def _end_of_score(self, ref: Any) -> Outcome | None:
        """What became of a case; None when its worker died and another should try."""
        worker, index = self.scoring[ref]
        try:
            outcome = Outcome(index, self.ray.get(ref))
        except self._deaths:
            self.ray.kill(worker)
            self.died[index] += 1
            if self.died[index] < TRIES:
                self.reporter.say("A worker died: another one takes its case.")
                return None
            outcome = Outcome(index, error=BenchError(f"{TRIES} workers died while they scored it; {WHY}"))
        except self.ray.exceptions.RayTaskError as error:
            outcome = Outcome(index, error=original(error))
            self.idle.append(worker)
        else:
            self.unfitted = 0
            self.idle.append(worker)
        del self.scoring[ref]
        return outcome

    @property
    def _deaths(self) -> tuple[type[Exception], ...]:
        """What Ray raises when a worker's process or its machine is no more."""
        errors = self.ray.exceptions
        return (errors.RayActorError, errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError)


WHY = "too little memory is the usual reason: take fewer workers (--threads), or a smaller --preset."


def original(error: Any) -> Exception:
    """The error that was raised in a worker, with its traceback there as a note."""
    cause = error.cause if isinstance(error.cause, Exception) else error
    if cause is not error:
        cause.add_note(str(error))
    return cause
