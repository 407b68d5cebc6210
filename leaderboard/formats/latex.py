r"""LaTeX tables for \usepackage{booktabs}, as wide as a page at most.

A table that is wider than a column of a two-column page is a table*; type is chosen so that it fits the 345 pt of an
article's page.
"""

from collections.abc import Sequence

from leaderboard.format import Format, Page, View
from leaderboard.grid import Grid, Heading, TextCell
from leaderboard.latex_text import latex_text

PAGE_PT, COLUMN_PT = 345.0, 240.0
GAP_PT = 6.0  # between columns
LETTER_PT = 5.1  # about the width of one at 10 pt
SIZES = ((1.0, ""), (0.9, r"\small"), (0.8, r"\footnotesize"), (0.7, r"\scriptsize"), (0.5, r"\tiny"))


def as_latex(page: Page, view: View) -> str:
    r"""Tables for \usepackage{booktabs}, best in bold, tests as stars; notes stand beneath the first."""
    caption = page.caption or " ".join(f"{line.rstrip('.')}." for line in page.header)
    blocks = [_latex_table(page.grids[0], caption, page.footer)]
    blocks += [_latex_table(grid, grid.short_title or grid.title, ()) for grid in page.grids[1:]]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(blocks)


def _latex_table(grid: Grid, caption: str, notes: Sequence[str]) -> str:
    rows = [*grid.rows, *grid.paper_rows]
    width, size = _size([_letters(grid.headings, [row[i] for row in rows], i) for i in range(len(grid.headings))])
    kind = "table*" if width > COLUMN_PT else "table"
    alignment = "@{}" + "".join(heading.align[0] for heading in grid.headings) + "@{}"
    lines = [
        f"\\begin{{{kind}}}[tbp]",
        r"\centering",
        f"\\caption{{{latex_text(caption.rstrip('.'))}.}}",
        r"\smallskip",
        *([size] if size else []),
        f"\\setlength{{\\tabcolsep}}{{{GAP_PT / 2:g}pt}}",
        f"\\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(latex_text(heading.title) for heading in grid.headings) + r" \\",
    ]
    if any(heading.unit for heading in grid.headings):
        lines.append(" & ".join(latex_text(heading.unit) for heading in grid.headings) + r" \\")
    for group in (grid.rows, grid.paper_rows):
        if group:
            lines.append(r"\midrule")
        for cells in group:
            lines += _latex_row(cells)
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"] if notes else []
    lines += [f"{latex_text(note.rstrip('.'))}." for note in notes]
    lines += [r"\end{minipage}"] if notes else []
    return "\n".join([*lines, f"\\end{{{kind}}}"]) + "\n"


def _texts(cell: TextCell) -> list[str]:
    """The lines of a cell: settings of a method stand beneath its name."""
    return (cell.short or cell.one_line).split("\n")


def _latex_row(cells: Sequence[TextCell]) -> list[str]:
    lines = [_texts(cell) for cell in cells]
    rows = []
    for i in range(max(map(len, lines))):
        texts = [latex_text(own[i]) if i < len(own) else "" for own in lines]
        shown = (f"\\textbf{{{text}}}" if cell.bold and text else text for text, cell in zip(texts, cells, strict=True))
        rows.append(" & ".join(shown) + r" \\")
    return rows


def _letters(headings: Sequence[Heading], column: Sequence[TextCell], index: int) -> float:
    """About how many letters wide a column is; bold ones are wider."""
    head = headings[index]
    inner = [len(text) * (1.15 if cell.bold else 1.0) for cell in column for text in _texts(cell)]
    return max([len(head.title), len(head.unit), *inner])


def _size(letters: Sequence[float]) -> tuple[float, str]:
    """The table's width in pt at the largest type that fits the page, and that type's command."""
    widths = [(sum(letters) * LETTER_PT * scale + GAP_PT * len(letters), command) for scale, command in SIZES]
    return next((one for one in widths if one[0] <= PAGE_PT), widths[-1])


LATEX = Format("latex", write_page=as_latex)
