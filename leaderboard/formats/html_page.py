"""A page of its own for a browser."""

import html
from collections.abc import Sequence

from leaderboard.format import Format, Page, View
from leaderboard.grid import Grid, Heading, TextCell

STYLE = """
body { font-family: system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { padding: .25em .8em; border-bottom: 1px solid #ddd }
caption, .left { text-align: left }
.right { text-align: right }
.quiet { color: #666 }
tbody + tbody { border-top: 2px solid #888 }
"""


def as_html(page: Page, view: View) -> str:
    """A page of its own that needs no other file."""
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>',
        f"<style>{STYLE}</style></head><body>",
        *(f"<p>{html.escape(line)}</p>" for line in page.header),
        *(_html_table(grid) for grid in page.grids),
        *(f"<p>{html.escape(line)}</p>" for line in page.footer),
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def _html_table(grid: Grid) -> str:
    headings = "".join(
        f'<th scope="col" class="{heading.align}">{html.escape(heading.text)}</th>' for heading in grid.headings
    )
    lines = [f"<table><caption>{html.escape(grid.title)}</caption>", f"<thead><tr>{headings}</tr></thead>"]
    for group in (grid.rows, grid.paper_rows):
        if group:
            rows = "\n".join(_html_row(grid.headings, cells) for cells in group)
            lines.append(f"<tbody>\n{rows}\n</tbody>")
    return "\n".join([*lines, "</table>"])


def _html_row(headings: Sequence[Heading], cells: Sequence[TextCell]) -> str:
    parts = []
    for heading, cell in zip(headings, cells, strict=True):
        text = html.escape(cell.one_line)
        quiet = " quiet" if cell.quiet else ""
        parts.append(
            f'<td class="{heading.align}{quiet}">' + (f"<strong>{text}</strong>" if cell.bold else text) + "</td>"
        )
    return "<tr>" + "".join(parts) + "</tr>"


HTML = Format("html", write_page=as_html)
