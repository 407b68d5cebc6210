"""What a table leaves out or quotes, since it is handed on: the user's folders, and cells that a spreadsheet would run.

A run's own run.json keeps paths as they are.
"""

import re

# From a slash that begins a path (not that of n/N or https://) to the one before its last part; blanks are let in.
_FOLDERS = re.compile(r"(?<![\w/.:~])~?/(?=\S)(?:[^/\n,;:()'\"]+/)+")
_FORMULA = re.compile(r"\s*[=+\-@]")


def without_folders(text: str) -> str:
    """A text whose absolute paths are down to their last part: "/home/me/scans/sub-01.nii.gz" to "sub-01.nii.gz"."""
    return _FOLDERS.sub("", text)


def csv_cell(value: object) -> object:
    """A cell as spreadsheets show it: text that they would take for a formula begins with an apostrophe."""
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def decimal_mark(separator: str) -> str:
    """What goes with a separator of columns: a decimal comma with a semicolon, as German spreadsheets read it."""
    return "," if separator == ";" else "."
