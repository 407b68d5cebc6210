"""Tables for people: terminal, Markdown, LaTeX and HTML, all from the same grids."""

import html
import io
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard.grid import Grid, Heading, TextCell

PIPED_WIDTH = 160
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "†": r"$\dagger$",
        "–": "--",
        "·": r"$\cdot$",
        "<": "$<$",
        ">": "$>$",
    }
)


def as_rich(header: Sequence[str], grids: Sequence[Grid], footer: Sequence[str], color: bool, width: int | None) -> str:
    """For a terminal; without color the best of a column carries a star instead of bold type."""
    console = Console(
        file=io.StringIO(),
        force_terminal=color,
        color_system="standard" if color else None,
        width=width or PIPED_WIDTH,
        highlight=False,
    )
    for line in header:
        console.print(line, markup=False)
    for grid in grids:
        console.print()
        if grid is not grids[0]:
            console.print(f"{grid.title}:", markup=False)
        console.print(_rich_table(grid, color))
    console.print()
    any_best = any(cell.bold for grid in grids for cells in grid.rows for cell in cells)
    best = [f"{'bold' if color else '*'}: best of its column"] if any_best else []
    for line in (*footer[:1], *best, *footer[1:]):
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


def as_markdown(header: Sequence[str], grids: Sequence[Grid], footer: Sequence[str]) -> str:
    """GitHub-flavoured tables, best in bold."""
    blocks = ["  \n".join(_markdown_escape(line) for line in header)]
    for grid in grids:
        if grid is not grids[0]:
            blocks.append(f"{grid.title}:")
        lines = [
            "| " + " | ".join(_heading_text(heading) for heading in grid.headings) + " |",
            "|" + "|".join("---:" if heading.align == "right" else ":---" for heading in grid.headings) + "|",
        ]
        for cells in (*grid.rows, *grid.paper_rows):
            texts = (_markdown_escape(_one_line(cell)) for cell in cells)
            bold = (f"**{text}**" if cell.bold else text for text, cell in zip(texts, cells, strict=True))
            lines.append("| " + " | ".join(bold) + " |")
        blocks.append("\n".join(lines))
    blocks.append("  \n".join(_markdown_escape(line) for line in footer))
    return "\n\n".join(blocks) + "\n"


def _heading_text(heading: Heading) -> str:
    return f"{heading.title} ({heading.unit})" if heading.unit else heading.title


def _one_line(cell: TextCell) -> str:
    return cell.text.replace("\n", ", ")


def _markdown_escape(text: str) -> str:
    for character in "\\|*_":
        text = text.replace(character, "\\" + character)
    return text.replace("<", "&lt;")


def as_latex(header: Sequence[str], grids: Sequence[Grid], footer: Sequence[str]) -> str:
    r"""Tables for \usepackage{booktabs}, best in bold."""
    blocks = [_latex_table(grids[0], [*header, *footer])]
    blocks += [_latex_table(grid, [grid.title]) for grid in grids[1:]]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(blocks)


def _latex_table(grid: Grid, caption: Sequence[str]) -> str:
    alignment = "".join(heading.align[0] for heading in grid.headings)
    text = " ".join(f"{line.rstrip('.')}." for line in caption)
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{text.translate(LATEX)}}}",
        f"\\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(_heading_text(heading).translate(LATEX) for heading in grid.headings) + r" \\",
    ]
    for group in (grid.rows, grid.paper_rows):
        if group:
            lines.append(r"\midrule")
        lines += [" & ".join(_latex_cell(cell) for cell in cells) + r" \\" for cells in group]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def _latex_cell(cell: TextCell) -> str:
    text = _one_line(cell).translate(LATEX)
    return f"\\textbf{{{text}}}" if cell.bold else text


HTML_STYLE = """
body { font-family: system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums }
th, td { padding: .25em .8em; border-bottom: 1px solid #ddd }
caption, .left { text-align: left }
.right { text-align: right }
.quiet { color: #666 }
tbody + tbody { border-top: 2px solid #888 }
"""


def as_html(header: Sequence[str], grids: Sequence[Grid], footer: Sequence[str]) -> str:
    """A page of its own that needs no other file."""
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>',
        f"<style>{HTML_STYLE}</style></head><body>",
        *(f"<p>{html.escape(line)}</p>" for line in header),
        *(_html_table(grid) for grid in grids),
        *(f"<p>{html.escape(line)}</p>" for line in footer),
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def _html_table(grid: Grid) -> str:
    headings = "".join(
        f'<th scope="col" class="{heading.align}">{html.escape(_heading_text(heading))}</th>'
        for heading in grid.headings
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
        text = html.escape(_one_line(cell))
        quiet = " quiet" if cell.quiet else ""
        parts.append(
            f'<td class="{heading.align}{quiet}">' + (f"<strong>{text}</strong>" if cell.bold else text) + "</td>"
        )
    return "<tr>" + "".join(parts) + "</tr>"
