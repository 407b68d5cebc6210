"""What commands show to the user as a sentence and without a traceback, and any error in one line."""

import errno
import os
import re

LONGEST_VALUE = 120  # characters of a value that a sentence quotes
# What no other case or method can do without: space to write to, files to open, somebody who reads the output.
_OF_THE_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.EPIPE,
}
_TOLD = re.compile(r"\(os error (\d+)\)$")  # as libraries in Rust do, such as safetensors

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


class BenchError(Exception):
    """Something the user can mend. Its text is one sentence that names the file or field and what to do."""


class Skipped(BenchError):
    """A method cannot run here. Its text is what the method's `skip` says."""


def reason(error: BaseException) -> str:
    """An error in one line: a sentence of ours, one on the machine, or else the error with its kind."""
    text = " ".join(str(error).split())
    if isinstance(error, BenchError):
        return text
    return fault(error) or f"{type(error).__name__}: {text}".rstrip(": ")


def shortened(text: str) -> str:
    """A value as a sentence quotes it: the middle of a long one is left out."""
    half = LONGEST_VALUE // 2
    return text if len(text) <= LONGEST_VALUE else f"{text[:half]} ... {text[-half:]}"


def error_number(error: BaseException) -> int | None:
    """The system's number of an error, such as errno.ENOSPC; None when it does not come from the system."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    told = _TOLD.search(str(error))
    return int(told[1]) if told else None


def stops_all(error: BaseException) -> bool:
    """Whether an error is the machine's, such as a full disk, so that to go on with the next case makes no sense."""
    return error_number(error) in _OF_THE_MACHINE


def fault(error: BaseException) -> str | None:
    """What can be done about a fault of the machine, such as a full disk, as a sentence; None for any other error."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    number = error_number(error)
    if number is None:
        return None
    place = getattr(error, "filename", None)
    known = SENTENCES.get(number, "{place} cannot be used (" + os.strerror(number) + "): see to it, or name another.")
    sentence = known.format(place="a file" if place is None else shortened(str(place)))
    return sentence[0].upper() + sentence[1:] if place is None else sentence
