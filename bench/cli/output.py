"""How much a command shows, and its log file."""

import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import TextIOWrapper
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.environment import tell
from bench.errors import BenchError, reason
from bench.reporting import LOG
from bench.runs.workspace import Workspace

OUTPUT = "Output"
MOST_WAITING = 1000  # lines until something is said


@dataclass(frozen=True)
class OutputOptions:
    """How much is shown."""

    quiet: Annotated[
        bool, typer.Option("--quiet", help="Show the result and what fails alone.", rich_help_panel=OUTPUT)
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="Show settings and tracebacks on stderr, too.", rich_help_panel=OUTPUT),
    ] = False

    def check(self) -> None:
        """BenchError for options that do not go together."""
        if self.quiet and self.verbose:
            raise BenchError("--quiet and --verbose exclude each other: leave one out.")

    @contextmanager
    def logged(self, workspace: Workspace | None, command: str) -> Iterator[None]:
        """Keep what a command says, its progress and tracebacks of what fails in workspace/logs/<time>-<command>.log.

        workspace: one that cannot be written costs a sentence and the log, no more; None for no file.
        command: as it is typed, such as "run". Two of one second share a file.
        """
        self.check()
        from bench.machine.version import commit, version

        handlers: list[logging.Handler] = []
        if workspace:
            handlers.append(_LogFile(workspace.logs, command))
        if self.verbose:
            handlers.append(logging.StreamHandler(sys.stderr))
            handlers[-1].addFilter(lambda record: record.levelno == logging.DEBUG)  # all else is shown already
        level, propagate = LOG.level, LOG.propagate
        LOG.setLevel(logging.DEBUG)
        LOG.propagate = False
        for handler in handlers:
            LOG.addHandler(handler)
        try:
            typed = shlex.join(["bench", *sys.argv[1:]])
            LOG.debug("%s (bench %s, %s) in %s", typed, version(), commit() or "commit unknown", Path.cwd())
            yield
            LOG.debug("done")
        except (typer.Exit, typer.Abort) as end:
            LOG.debug("ended with exit code %s", getattr(end, "exit_code", 1))
            raise
        except BenchError as error:
            LOG.debug("%s", error)
            raise
        except BaseException as error:
            LOG.info("stopped: %s", reason(error))
            LOG.debug("traceback", exc_info=error)
            raise
        finally:
            for handler in handlers:
                LOG.removeHandler(handler)
                handler.close()
            LOG.setLevel(level)
            LOG.propagate = propagate


class _LogFile(MemoryHandler):
    """A file named after time and command. It is begun when something is said, so that a slip in an option leaves none;
    a full disk is told by what else is written."""

    def __init__(self, folder: Path, command: str) -> None:
        file = _File(folder / f"{datetime.now():%Y%m%d-%H%M%S}-{command}.log", encoding="utf-8", delay=True)
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        super().__init__(MOST_WAITING, logging.INFO, file, flushOnClose=False)
        self.file = file

    def close(self) -> None:
        """Write what waits, if the file is begun."""
        if self.file.stream is not None:
            self.flush()
        super().close()
        self.file.close()


class _File(logging.FileHandler):
    """A file in a folder that need not be there; when it cannot be opened, that is said once."""

    told = False

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            super().emit(record)
        except OSError as error:  # of opening it
            if not self.told:
                tell(f"No log is kept: {reason(error)}")
            self.told = True

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: a line that cannot be written is left out."""
