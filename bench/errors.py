"""What commands show to the user as a sentence and without a traceback, and any error in one line."""


class BenchError(Exception):
    """Something the user can mend. Its text is one sentence that names the file or field and what to do."""


class Skipped(BenchError):
    """A method cannot run here. Its text is what the method's `skip` says."""


def reason(error: BaseException) -> str:
    """An error in one line; the kind is named unless it is one of our own sentences."""
    text = " ".join(str(error).split())
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}".rstrip(": ")
