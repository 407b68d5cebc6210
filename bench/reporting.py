"""How long work says where it stands: the interface of progress views, and one that shows nothing."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

# What a command writes to its log file: what it says as INFO, and for who looks closer, such as tracebacks, as DEBUG.
LOG = logging.getLogger("bench")


class Tick(Protocol):
    """Moves a progress bar on by `steps`; `note` is shown beside it, such as "loss 0.12"."""

    def __call__(self, steps: int = 1, note: str = "") -> None: ...


class Reporter(Protocol):
    """Where progress and messages go: a rich bar on a terminal, plain lines elsewhere."""

    def task(self, description: str, total: int) -> AbstractContextManager[Tick]:
        """Show a task of `total` steps: `with reporter.task("scoring", 12) as tick: ... tick()`."""

    def say(self, line: str) -> None:
        """Print one line."""


class SilentReporter:
    """Shows nothing: for tests and for work that has its own report."""

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """A task that nobody sees."""

        def tick(steps: int = 1, note: str = "") -> None:
            pass

        yield tick

    def say(self, line: str) -> None:
        """Nothing."""


_SILENT = SilentReporter()
_shown_by: ContextVar[Reporter] = ContextVar("reporter")


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Let `task` show itself there, for as long as this lasts."""
    before = _shown_by.set(reporter)  # of this thread alone
    try:
        yield
    finally:
        _shown_by.reset(before)


def task(description: str, total: int) -> AbstractContextManager[Tick]:
    """Like `Reporter.task`, for work that is handed no reporter, such as `load` of a dataset: the command's, if any."""
    return _shown_by.get(_SILENT).task(description, total)
