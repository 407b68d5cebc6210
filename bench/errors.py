"""What commands show to the user as a sentence and without a traceback, and any error in one line."""

import errno
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


class BenchError(Exception):
    """Something the user can mend. Its text is one sentence that names the file or field and what to do."""


class Skipped(BenchError):
    """A method cannot run here. Its text is what the method's `skip` says."""


def reason(error: BaseException) -> str:
    """An error in one line; the kind is named unless it is one of our own sentences."""
    text = " ".join(str(error).split())
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}".rstrip(": ")


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
