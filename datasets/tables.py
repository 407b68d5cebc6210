"""Tables that users bring, such as participants.tsv: parted by tabs, commas or semicolons, UTF-8."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError


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
    """A table with a header. BenchError, naming file and line, when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:  # UTF-16 without a mark
            raise BenchError(f"{path} is not UTF-8 text; save it as UTF-8, values parted by tabs.")
        delimiter = next((mark for mark in "\t;" if mark in text.partition("\n")[0]), ",")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        columns = tuple(cell.strip().lower() for cell in next(reader, []))
        rows = tuple(_row(path, columns, reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
    except UnicodeDecodeError:
        raise BenchError(f"{path} is not UTF-8 text; save it as UTF-8, values parted by tabs.") from None
    except csv.Error as error:
        raise BenchError(f"{path} is no table ({error}); save it as UTF-8, values parted by tabs.") from None
    except OSError as error:
        raise BenchError(f"The table {path} cannot be opened ({error.strerror}).") from None
    return Table(path, columns, rows)


def _row(path: Path, columns: tuple[str, ...], line: int, cells: list[str]) -> Row:
    if any(map(str.strip, cells[len(columns) :])):
        raise BenchError(f"{path}, line {line} has {len(cells)} values, but there are {len(columns)} columns; mend it.")
    full = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
    return Row(line, dict(zip(columns, full, strict=False)))
