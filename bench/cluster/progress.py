"""Progress of work in another process: noted there, fetched now and then, shown here."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from bench.reporting import Reporter, Tick


@dataclass(frozen=True)
class Running:
    """A task that is under way: `done` of `total` steps, and the last words beside it."""

    description: str
    total: int
    done: int = 0
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """What happened since it was last asked for: lines that were said; tasks by number, as they stand now."""

    lines: tuple[str, ...] = ()
    tasks: dict[int, Running] = field(default_factory=dict)


class NotingReporter:
    """A reporter that keeps what it is told until `taken` fetches it, from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._lines: list[str] = []
        self._tasks: dict[int, Running] = {}

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """A task that is shown elsewhere."""
        number = next(self._numbers)
        self._tasks[number] = Running(description, total)

        def tick(steps: int = 1, note: str = "") -> None:
            with self._lock:
                now = self._tasks[number]
                self._tasks[number] = replace(now, done=now.done + steps, note=note or now.note)

        try:
            yield tick
        finally:
            with self._lock:
                del self._tasks[number]

    def say(self, line: str) -> None:
        """A line that is printed elsewhere."""
        with self._lock:
            self._lines.append(line)

    def taken(self) -> Progress:
        """What happened since the last time."""
        with self._lock:
            lines, self._lines = tuple(self._lines), []
            return Progress(lines, dict(self._tasks))


class ShownProgress:
    """Shows another process's progress through a reporter of this one, as long as the `with` block lasts."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._shown: dict[int, tuple[ExitStack, Tick, int]] = {}  # its bar, how to move it, steps shown so far

    def __enter__(self) -> "ShownProgress":
        return self

    def __exit__(self, *error: object) -> None:
        self.show(Progress())

    def show(self, progress: Progress) -> None:
        """Print lines, move bars on, take away those of tasks that are over."""
        for line in progress.lines:
            self.reporter.say(line)
        for number in self._shown.keys() - progress.tasks.keys():
            self._shown.pop(number)[0].close()
        for number, task in progress.tasks.items():
            if number not in self._shown:
                stack = ExitStack()
                tick = stack.enter_context(self.reporter.task(task.description, task.total))
                self._shown[number] = (stack, tick, 0)
            stack, tick, shown = self._shown[number]
            if task.done > shown:
                tick(task.done - shown, task.note)
                self._shown[number] = (stack, tick, task.done)
