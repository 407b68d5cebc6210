"""Progress and messages: bars with time left on a terminal, plain occasional lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bench.reporting import Tick

LINE_EVERY_S = 10.0


class TerminalReporter:
    """One view of bars, a bar a task, with time left; a finished task leaves the view."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _NoteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """A bar of `total` steps."""
        bar = self._progress.add_task(description, total=total, note="")

        def tick(steps: int = 1, note: str = "") -> None:
            self._progress.update(bar, advance=steps)
            if note:
                self._progress.update(bar, note=note)

        try:
            yield tick
        finally:
            self._progress.remove_task(bar)

    def say(self, line: str) -> None:
        """Print one line above the bars."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _NoteColumn(ProgressColumn):
    """The words beside a bar, such as "loss 0.12"."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("note", "")), style="dim")


class PlainReporter:
    """Plain lines without control codes: a task's first and last step, and one every few seconds between."""

    def __init__(self, line_every_s: float = LINE_EVERY_S) -> None:
        self.line_every_s = line_every_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """Lines such as "score model 500/2000 loss 0.12, 3 min left"."""
        start = last_line = time.monotonic()
        done = 0

        def tick(steps: int = 1, note: str = "") -> None:
            nonlocal done, last_line
            done += steps
            now = time.monotonic()
            if done < total and now - last_line < self.line_every_s:
                return
            last_line = now
            spent = now - start
            time_words = f"{duration(spent * (total - done) / done)} left" if done < total else f"in {duration(spent)}"
            self.say(f"{description} {done}/{total}{f' {note}' if note else ''}, {time_words}")

        yield tick

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)


def reporter() -> TerminalReporter | PlainReporter:
    """Bars when standard output is a terminal, plain lines otherwise."""
    console = Console()
    return TerminalReporter(console) if console.is_terminal and sys.stdout.isatty() else PlainReporter()


def duration(seconds: float) -> str:
    """Seconds in words: "0.4 s", "42 s", "3 min", "2.5 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
