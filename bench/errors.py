"""The one exception that commands show to the user, as a sentence and without a traceback."""


class BenchError(Exception):
    """Something the user can mend. Its text is one sentence that names the file or field and what to do."""
