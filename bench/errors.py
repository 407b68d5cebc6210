"""The one exception that commands show to the user, as a sentence and without a traceback."""


class BenchError(Exception):
    """Something the user can mend. Its text is one sentence that names the file or field and what to do."""


def reason(error: Exception) -> str:
    """An error in one line; the kind is named unless it is one of our own sentences."""
    text = " ".join(str(error).split())
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}".rstrip(": ")
