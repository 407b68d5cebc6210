"""For a terminal, in colour or plain."""

import io

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard.format import Format, Page, View
from leaderboard.grid import Grid, TextCell

PIPED_WIDTH = 160


def as_rich(page: Page, view: View) -> str:
    """For a terminal; without color the best of a column carries a star instead of bold type."""
    console = Console(
        file=io.StringIO(),
        force_terminal=view.color,
        color_system="standard" if view.color else None,
        width=view.width or PIPED_WIDTH,
        highlight=False,
    )
    for line in page.header:
        console.print(line, markup=False)
    for grid in page.grids:
        console.print()
        if grid is not page.grids[0]:
            console.print(f"{grid.title}:", markup=False)
        console.print(_rich_table(grid, view.color))
    console.print()
    any_best = any(cell.bold for grid in page.grids for cells in grid.rows for cell in cells)
    best = [f"{'bold' if view.color else '*'}: best of its column"] if any_best else []
    for line in (*page.footer[:1], *best, *page.footer[1:]):
        console.print(line, markup=False)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _rich_table(grid: Grid, color: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in grid.headings:
        title = f"{heading.title}\n{heading.unit}" if heading.unit else heading.title
        table.add_column(
            Text(title),
            justify=heading.align,
            no_wrap=heading.align == "right",
            vertical="top",
            overflow="fold",
        )
    starred = [not color and any(cell.bold for cell in column) for column in zip(*grid.rows, strict=True)]
    for group in (grid.rows, grid.paper_rows):
        for cells in group:
            table.add_row(*(_rich_text(cell, star) for cell, star in zip(cells, starred, strict=True)))
        table.add_section()
    return table


def _rich_text(cell: TextCell, starred: bool) -> Text:
    star = ("*" if cell.bold else " ") if starred else ""
    return Text(cell.text + star, style="bold" if cell.bold else "dim" if cell.quiet else "")


RICH = Format("rich", write_page=as_rich)
