"""What a method costs against how good it is."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leaderboard.colours import Style
from leaderboard.figures.style import head, marked, plain
from leaderboard.grid import heading
from leaderboard.row import Row
from metrics.metric import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def runtime_s(row: Row) -> float | None:
    """Seconds of scoring per case, None where they are not known."""
    value = row.costs.get("runtime_s_per_case")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def draw_tradeoff(axes: "Axes", rows: Sequence[Row], metric: Metric, styles: Mapping[str, Style]) -> None:
    """A metric over seconds of scoring per case; bars are 95 % bootstrap intervals."""
    for row in rows:
        cell, seconds, style = row.cells.get(metric.name), runtime_s(row), styles[row.label]
        if cell is None or cell.mean is None or seconds is None:
            continue
        if cell.interval:
            axes.plot([seconds] * 2, [cell.interval.low, cell.interval.high], color=style.light, linewidth=1.2)
        axes.plot([seconds], [cell.mean], label=row.label, linestyle="none", **marked(style, 5.5))
    axes.set_xscale("log")
    axes.set(xlabel="scoring, s per case")
    head(axes, heading(metric).text)
    if metric.direction == "lower":
        axes.invert_yaxis()  # better is up in every panel
    axes.margins(x=0.1)
    plain(axes, "y")
