"""Tables that users bring, such as participants.tsv or what spreadsheets export."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

SEPARATOR = re.compile(r"sep=(.|\\t)")  # the first line that spreadsheets write, and read
NO_TEXT = {  # how files of other kinds begin
    b"PK\x03\x04": "a workbook (.xlsx or .ods)",
    b"\xd0\xcf\x11\xe0": "a workbook (.xls)",
    b"\x1f\x8b": "compressed",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Row:
    """A row that is not empty: its line in the file, and column -> value, without blanks around, "" if it is short."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The columns of a table in small letters, without blanks around, and its rows."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def needs_one(self, column: str) -> None:
        """BenchError when two columns have this name."""
        if self.columns.count(column) > 1:
            raise BenchError(f"{self.path} has two columns {column!r}; keep one.")


def read_table(path: Path) -> Table:
    """A table with a header. BenchError, naming file and line, when it cannot be read.

    Text in UTF-8, in UTF-16 with its mark or without, or in what Windows and old Macs of Western languages write
    (Windows-1252, which contains Latin-1). A first line such as `sep=;` names the separator.
    """
    try:
        text = _text(path, path.read_bytes())
        first, _, rest = text.partition("\n")
        delimiter = next((mark for mark in "\t;" if mark in first), ",")
        if named := SEPARATOR.fullmatch(first.strip('\r" ')):
            delimiter, text = named[1].replace("\\t", "\t"), rest
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns = tuple(cell.strip().lower() for cell in next(reader, []))
        rows = tuple(_row(path, columns, reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
    except csv.Error as error:
        raise BenchError(f"{path} is no table ({error}); save it as UTF-8, values parted by tabs.") from None
    except OSError as error:
        raise BenchError(f"The table {path} cannot be opened ({error.strerror}).") from None
    if len(columns) == 1 and "|" in columns[0]:
        raise BenchError(f"{path} is parted by |; save it with tabs, commas or semicolons.")
    return Table(path, columns, rows)


def _text(path: Path, content: bytes) -> str:
    """The text of a file, by its mark or, without one, by what it holds. BenchError for what is no text."""
    for start, what in NO_TEXT.items():
        if content.startswith(start):
            raise BenchError(f"{path} is {what}; save it as text, values parted by tabs.")
    encodings = ["utf-8-sig", "cp1252"]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in content:  # of names of columns in UTF-16, every second byte is 0
        start = content[:20]
        encodings = [name for name, first in (("utf-16-le", 1), ("utf-16-be", 0)) if not any(start[first::2])]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise BenchError(f"{path} is not text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8, values parted by tabs.")


def _row(path: Path, columns: tuple[str, ...], line: int, cells: list[str]) -> Row:
    if any(map(str.strip, cells[len(columns) :])):
        raise BenchError(f"{path}, line {line} has {len(cells)} values, but there are {len(columns)} columns; mend it.")
    full = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
    return Row(line, dict(zip(columns, full, strict=False)))
