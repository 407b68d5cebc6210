"""What the machine does to a command (full disk, broken pipe, a terminal without arrows), in sentences."""

import codecs
import errno
import os
import sys
from dataclasses import dataclass

from bench.errors import error_number, shortened

MENDABLE = 2  # exit code of what the user can mend
INTERRUPTED = 130  # as shells have it for Ctrl-C
PIPE_CLOSED = 141  # and for a command whose reader went away, as `head` does

STOPPED = "stopped; the same command goes on where it stopped"
NO_MEMORY = "There is not enough memory for this: free some, or take fewer --workers or a smaller --preset."
# What is done about {place}, the file or folder that the system names; "a file" where it names none.
SENTENCES = {
    errno.ENOSPC: "The disk is full, {place} cannot be written: make room; the same command goes on where it stopped.",
    errno.EDQUOT: "Your quota is used up, {place} cannot be written: make room; the same command then goes on.",
    errno.EFBIG: "{place} may not become as large as it has to: raise the limit (`ulimit -f`), or name another place.",
    errno.EROFS: "{place} lies on a disk that is read-only: name another place, such as by --workspace.",
    errno.EACCES: "{place} may not be read or written by you: change its permissions, or name another place.",
    errno.EPERM: "{place} may not be changed by you: change its permissions, or name another place.",
    errno.ENOTDIR: "{place} cannot be: a part of this path is a file, where a folder is needed; name another place.",
    errno.EEXIST: "{place} is a file, where a folder is needed: move it, or name another place.",
    errno.EISDIR: "{place} is a folder, where a file is needed: name a file.",
    errno.ENAMETOOLONG: "{place} is too long a name for the disk: take a shorter one.",
    errno.ELOOP: "{place} is a link that leads to itself: mend it, or name another place.",
    errno.ENOENT: "{place} does not exist; where it is a link, fetch what it leads to.",
    errno.EMFILE: "Too many files are open: raise the limit (`ulimit -n 4096`), or take fewer --workers.",
    errno.ENFILE: "Too many files are open on this machine: close other programs.",
    errno.EIO: "The disk fails to read or write {place}: see to the disk, or copy the data elsewhere.",
    errno.ENOMEM: NO_MEMORY,
}


@dataclass(frozen=True)
class Stop:
    """How a command ends: its exit code, and what is said, if anything."""

    code: int
    sentence: str | None = None


def stop_for(error: BaseException) -> Stop | None:
    """How a command ends by a fault of the machine, or by Ctrl-C; None when the fault is another's."""
    if isinstance(error, KeyboardInterrupt):
        return Stop(INTERRUPTED, STOPPED)
    if isinstance(error, MemoryError):
        return Stop(MENDABLE, NO_MEMORY)
    number = error_number(error)
    if number == errno.EPIPE:
        return Stop(PIPE_CLOSED)
    if number is None:
        return None
    place = getattr(error, "filename", None)
    known = SENTENCES.get(number, "{place} cannot be used (" + os.strerror(number) + "): see to it, or name another.")
    sentence = known.format(place="a file" if place is None else shortened(str(place)))
    return Stop(MENDABLE, sentence[0].upper() + sentence[1:] if place is None else sentence)


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
