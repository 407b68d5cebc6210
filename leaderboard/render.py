"""A table in the format asked for: rich, markdown, csv, json, latex or html."""

from bench.errors import BenchError
from leaderboard.formats import data_formats, text_formats
from leaderboard.grid import footer_lines, grids, header_lines
from leaderboard.table import Table

FORMATS = ("rich", "markdown", "csv", "json", "latex", "html")


def render(
    table: Table,
    format: str = "rich",
    statistics: bool = False,
    costs: bool = False,
    color: bool = False,
    width: int | None = None,
) -> str:
    """The table as text, ending with a newline.

    statistics, costs: further grids beneath (csv and json hold them always). color, width: for "rich" only;
    give `width` the columns of the terminal. Raises BenchError for an unknown format.
    """
    if format == "csv":
        return data_formats.as_csv(table)
    if format == "json":
        return data_formats.as_json(table)
    parts = header_lines(table), grids(table, statistics, costs), footer_lines(table)
    match format:
        case "rich":
            return text_formats.as_rich(*parts, color=color, width=width)
        case "markdown":
            return text_formats.as_markdown(*parts)
        case "latex":
            return text_formats.as_latex(*parts)
        case "html":
            return text_formats.as_html(*parts)
    raise BenchError(f"--format takes {', '.join(FORMATS)}; got {format}.")
