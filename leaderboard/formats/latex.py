r"""LaTeX tables for \usepackage{booktabs}."""

from collections.abc import Sequence

from leaderboard.format import Format, Page, View
from leaderboard.grid import Grid, TextCell

ESCAPES = str.maketrans(
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


def as_latex(page: Page, view: View) -> str:
    r"""Tables for \usepackage{booktabs}, best in bold."""
    blocks = [_latex_table(page.grids[0], [*page.header, *page.footer])]
    blocks += [_latex_table(grid, [grid.title]) for grid in page.grids[1:]]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(blocks)


def _latex_table(grid: Grid, caption: Sequence[str]) -> str:
    alignment = "".join(heading.align[0] for heading in grid.headings)
    text = " ".join(f"{line.rstrip('.')}." for line in caption)
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{text.translate(ESCAPES)}}}",
        f"\\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(heading.text.translate(ESCAPES) for heading in grid.headings) + r" \\",
    ]
    for group in (grid.rows, grid.paper_rows):
        if group:
            lines.append(r"\midrule")
        lines += [" & ".join(_latex_cell(cell) for cell in cells) + r" \\" for cells in group]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def _latex_cell(cell: TextCell) -> str:
    text = cell.one_line.translate(ESCAPES)
    return f"\\textbf{{{text}}}" if cell.bold else text


LATEX = Format("latex", write_page=as_latex)
