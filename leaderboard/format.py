"""What a leaderboard format is: a name and a function; and what such a function is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from leaderboard.grid import Grid, caption, footer_lines, grids, header_lines
from leaderboard.table import Table


@dataclass(frozen=True)
class View:
    """How much of a table is shown, and on what.

    Args:
        statistics: Add intervals, tests and ranges of places.
        costs: Add times, memory, parameters.
        color: The output is a terminal that shows colours.
        width: Columns of that terminal.
        separator: Of the columns of a CSV; with a semicolon come decimal commas, as German spreadsheets read them.
    """

    statistics: bool = False
    costs: bool = False
    color: bool = False
    width: int | None = None
    separator: str | None = None

    def separator_of(self, format: str, separated: bool) -> str | None:
        """The separator for a format. BenchError when one is asked for and its columns are not `separated` by any."""
        if self.separator is not None and not separated:
            raise BenchError(f"--separator is for --format csv: leave it out with {format}.")
        return self.separator


@dataclass(frozen=True)
class Page:
    """A table, or a comparison of two methods, as text.

    Args:
        header: Lines above, about dataset and protocol.
        grids: One or more tables of text cells, the main one first.
        footer: Lines below, on how to read them.
        caption: The header in a sentence or two, for formats with captions.
    """

    header: Sequence[str]
    grids: Sequence[Grid]
    footer: Sequence[str]
    caption: str = ""


@dataclass(frozen=True)
class Format:
    """One way to write a table.

    Args:
        name: As `--format` takes it.
        write_table: For programs: the table with all its numbers, as text.
        write_page: For people: text cells that are rounded and marked already. `bench compare` then takes the format
            as well. A format has one of the two.
        write_separated: Like `write_table`, with the separator of its columns, for formats that have one.

    Example:
        >>> def write(page: Page, view: View) -> str:
        ...     return "\\n".join("; ".join(cell.text for cell in row) for row in page.grids[0].rows) + "\\n"
        >>> semicolons = Format("semicolons", write_page=write)
    """

    name: str
    write_table: Callable[[Table], str] | None = None
    write_page: Callable[[Page, View], str] | None = None
    write_separated: Callable[[Table, str], str] | None = None

    def __post_init__(self) -> None:
        if (self.write_table is None) == (self.write_page is None):
            raise ValueError(f"The format {self.name} needs either write_table or write_page.")

    def render(self, table: Table, view: View) -> str:
        """The table as text that ends with a newline. BenchError for a separator that the format has no use for."""
        separator = view.separator_of(self.name, self.write_separated is not None)
        if self.write_separated and separator is not None:
            return self.write_separated(table, separator)
        if self.write_table:
            return self.write_table(table)
        assert self.write_page is not None
        return self.write_page(page_of(table, view), view)


def page_of(table: Table, view: View) -> Page:
    """The table as text cells."""
    return Page(header_lines(table), grids(table, view.statistics, view.costs), footer_lines(table), caption(table))
