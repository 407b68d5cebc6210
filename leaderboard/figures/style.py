"""What all figures share: their type, their axes, the line on top that says what is shown."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leaderboard.colours import Style
from leaderboard.row import Row
from leaderboard.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_WIDTH_IN = 7.2  # of a page with two columns
PANEL_IN = (3.5, 2.6)
SMALL, NORMAL = 7.0, 8.0  # points
LETTER_IN = 0.055  # about the width of one in the line on top
INK, MUTED, FAINT = "#1b1f24", "#5b6470", "#d5d9de"  # the pages give them colours of their own


def panels(count: int, columns: int = 2, size_in: tuple[float, float] = PANEL_IN) -> "tuple[Figure, list[Axes]]":
    """A figure of `count` panels, each of that size."""
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * size_in[0], rows * size_in[1]), layout="constrained", facecolor="white")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def plain(axes: "Axes", grid: str = "") -> None:
    """Thin axes without a box; a faint grid along "x", "y" or not at all."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=MUTED, linewidth=0.6)
    axes.tick_params(colors=INK, labelsize=SMALL, width=0.6, length=2.5, color=MUTED)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(size=SMALL, color=INK)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.5)  # type: ignore[arg-type]
        axes.set_axisbelow(True)


def marked(style: Style, size: float = 4.0) -> dict[str, Any]:
    """matplotlib's words for a method's mark."""
    return {
        "marker": style.mark,
        "markersize": size,
        "color": style.light,
        "markerfacecolor": "white" if style.hollow else style.light,
        "markeredgecolor": style.light,
        "markeredgewidth": 1.0,
    }


def lined(style: Style) -> dict[str, Any]:
    """matplotlib's words for a method's line."""
    return {"color": style.light, "linewidth": 1.3, **({"dashes": style.dashes} if style.dashes else {})}


def row_name(row: Row, most: int = 1) -> str:
    """A row's name on an axis: what sets it apart from other rows of its method stands beneath it, `most` settings."""
    more = [f"{key.rpartition('.')[2]}={value}" for key, value in row.differences.items()]
    shown = more[:most] + ([f"and {len(more) - most} more"] if len(more) > most else [])
    return "\n".join([row.method, *shown])


def one_line_name(row: Row) -> str:
    """The same in one line."""
    return row_name(row).replace("\n", " ")


def legend_name(row: Row) -> str:
    """A row's name in a legend; cases that it lacks are not left unsaid."""
    name = row_name(row, most=2)
    return name if row.n == row.of else f"{name} ({row.n}/{row.of} cases)"


def add_legend(axes: "Axes") -> None:
    """A legend on the right of the axes."""
    axes.legend(
        fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1, 1), handlelength=2.6, labelspacing=0.3
    )


def name_rows(axes: "Axes", rows: Sequence[Row]) -> None:
    """Rows along the y axis, the first on top."""
    axes.set_yticks(range(len(rows)), [row_name(row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def what_is_shown(table: Table, n: str = "") -> str:
    """Dataset, lesions, protocol and how many cases, in one line; an oracle is called so."""
    cases = n or f"n = {max((row.of for row in table.rows), default=0)} cases"
    lesions = table.lesions or "lesions not described"
    protocol = f"protocol {table.protocol}" + (" (oracle: an upper bound)" if table.oracle else "")
    return " · ".join((f"{table.dataset} {table.dataset_fingerprint[:8]}", lesions, protocol, cases))


def entitle(figure: "Figure", text: str) -> None:
    """The line on top of a figure, broken where the figure ends."""
    characters = max(24, int((figure.get_figwidth() - 0.2) / LETTER_IN))
    figure.suptitle("\n".join(textwrap.wrap(text, characters)), fontsize=6.5, color=MUTED, x=0.01, ha="left")


def head(axes: "Axes", text: str) -> None:
    """The title of one panel."""
    axes.set_title(text, loc="left", fontsize=NORMAL, color=INK, fontweight="bold")
