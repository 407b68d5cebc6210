"""What the machine does to a command (full disk, broken pipe, a terminal without arrows), in sentences."""

import codecs
import errno
import os
import sys
from dataclasses import dataclass

from bench.errors import error_number, fault

MENDABLE = 2  # exit code of what the user can mend
INTERRUPTED = 130  # as shells have it for Ctrl-C
PIPE_CLOSED = 141  # and for a command whose reader went away, as `head` does

STOPPED = "stopped; the same command goes on where it stopped"


@dataclass(frozen=True)
class Stop:
    """How a command ends: its exit code, and what is said, if anything."""

    code: int
    sentence: str | None = None


def stop_for(error: BaseException) -> Stop | None:
    """How a command ends by a fault of the machine, or by Ctrl-C; None when the fault is another's."""
    if isinstance(error, KeyboardInterrupt):
        return Stop(INTERRUPTED, STOPPED)
    if error_number(error) == errno.EPIPE:
        return Stop(PIPE_CLOSED)
    sentence = fault(error)
    return None if sentence is None else Stop(MENDABLE, sentence)


def tell(sentence: str) -> None:
    """Write a sentence to stderr, if anything can be written there."""
    try:
        print(sentence, file=sys.stderr, flush=True)
    except OSError:
        _let_go(2)


def prepare_streams() -> None:
    """Make stdout and stderr such that printing to them does not fail for a sign that the terminal lacks.

    Streams that were closed (`>&-`) lead nowhere: a file opened later would take their place, and our words with it.
    """
    while (lowest := os.open(os.devnull, os.O_RDWR)) <= 2:
        if lowest == 1:
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        elif lowest == 2:
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    os.close(lowest)
    codecs.register_error("bench", _plainer)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="bench")  # type: ignore[union-attr]


def finish_streams() -> Stop | None:
    """Write what still waits to be written; how the command ends when that fails.

    Left to the interpreter, this failure is a traceback after the command's end.
    """
    failed = None
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            failed = stop_for(error)
            _let_go(number)
        except ValueError:  # closed by someone else
            pass
    return failed


def _let_go(number: int) -> None:
    """Send what a stream still holds, and all that follows, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


PLAINER = {"↓": "v", "↑": "^", "±": "+-", "–": "-", "─": "-", "━": "-", "·": "-", "†": "+", "≥": ">=", "…": "..."}


def _plainer(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAINER.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
