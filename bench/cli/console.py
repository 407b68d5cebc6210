"""Progress and messages: bars with time left on a terminal, plain occasional lines elsewhere."""

import logging
import sys
import time
from collections import deque
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

from bench.reporting import LOG, Reporter, SilentReporter, Tick, reporting_to

LINE_EVERY_S = 10.0
RECENT_S = 60.0  # over which the time left is reckoned: steps may have become slower or faster


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
            speed_estimate_period=RECENT_S,
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
        recent = deque([(start, 0)])  # when so many steps were done

        def tick(steps: int = 1, note: str = "") -> None:
            nonlocal last_line
            now, done = time.monotonic(), recent[-1][1] + steps
            recent.append((now, done))
            while len(recent) > 2 and now - recent[1][0] >= RECENT_S:
                recent.popleft()
            if done < total and now - last_line < self.line_every_s:
                return
            last_line = now
            before, done_before = recent[0]
            left_s = (now - before) * (total - done) / max(done - done_before, 1)
            time_words = f"{duration(left_s)} left" if done < total else f"in {duration(now - start)}"
            self.say(f"{description} {done}/{total}{f' {note}' if note else ''}, {time_words}")

        yield tick

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)


class LogReporter(PlainReporter):
    """The same lines in the command's log file."""

    def say(self, line: str) -> None:
        """Write one line."""
        LOG.info("%s", line)


class LoggedReporter:
    """A view whose messages and progress stand in the command's log file, too."""

    def __init__(self, view: Reporter) -> None:
        self.view = view
        self.log = LogReporter()

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        """The task in both."""
        with self.view.task(description, total) as shown, self.log.task(description, total) as logged:

            def tick(steps: int = 1, note: str = "") -> None:
                shown(steps, note)
                logged(steps, note)

            yield tick

    def say(self, line: str) -> None:
        """One line in both."""
        self.view.say(line)
        self.log.say(line)


@contextmanager
def reporter(quiet: bool = False) -> Iterator[Reporter]:
    """Bars when standard output is a terminal, plain lines otherwise; nothing when it is to be quiet.

    All of it goes to the log file as well, if the command has one.
    """
    with _view(quiet) as view:
        both = LoggedReporter(view) if LOG.isEnabledFor(logging.INFO) else view
        with reporting_to(both):
            yield both


@contextmanager
def _view(quiet: bool) -> Iterator[Reporter]:
    if quiet:
        yield SilentReporter()
        return
    console = Console()
    terminal = console.is_terminal and sys.stdout.isatty()
    with TerminalReporter(console) if terminal else PlainReporter() as view:
        yield view


def duration(seconds: float) -> str:
    """Seconds in words: "0.4 s", "42 s", "3 min", "2.5 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
