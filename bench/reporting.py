"""How long work says where it stands: the interface of progress views, and one that shows nothing."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


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
