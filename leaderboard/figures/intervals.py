"""Each method's mean with its interval, and every case behind it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.colours import Style
from leaderboard.figures.style import MUTED, head, marked, name_rows, plain
from leaderboard.grid import heading
from leaderboard.row import Row
from metrics.metric import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_intervals(axes: "Axes", rows: Sequence[Row], metric: Metric, styles: Mapping[str, Style]) -> None:
    """A line for each row: pale dots are its cases, the mark is their mean, the bar its 95 % bootstrap interval."""
    for y, row in enumerate(rows):
        cell, style = row.cells.get(metric.name), styles[row.label]
        values = [value for value in row.values.get(metric.name, {}).values() if value is not None]
        if cell is None or cell.mean is None:
            axes.annotate("not defined", (0.02, y), xycoords=("axes fraction", "data"), fontsize=6, color=MUTED)
            continue
        shift = np.linspace(-0.17, 0.17, len(values)) if len(values) > 1 else [0.0]
        axes.plot(values, y + np.asarray(shift), "o", color=style.light, markersize=1.8, alpha=0.35, markeredgewidth=0)
        if cell.interval:
            axes.plot([cell.interval.low, cell.interval.high], [y, y], color=style.light, linewidth=1.6)
        axes.plot([cell.mean], [y], zorder=3, **marked(style, 5))
    name_rows(axes, rows)
    head(axes, heading(metric).text)
    if not metric.unit:
        axes.set_xlim(-0.02, 1.02)
    plain(axes, "x")
