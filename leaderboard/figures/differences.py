"""Paired differences against the first row, case by case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard import statistics
from leaderboard.colours import Style
from leaderboard.figures.style import MUTED, head, marked, name_rows, one_line_name, plain
from leaderboard.grid import heading, p_mark
from leaderboard.ranking import paired_values
from leaderboard.row import Row
from leaderboard.statistics import Interval
from metrics.metric import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class PairedDifference:
    """A row minus the first one, mean over the n cases that both have, with its 95 % bootstrap interval."""

    mean: float
    interval: Interval | None
    n: int
    p_value: float | None


def differences(rows: Sequence[Row], first: Row, metric: Metric, seed: int = 0) -> dict[str, PairedDifference]:
    """Row label -> its difference from the first row; rows that share no case with it are left out.

    p-values are those of the table: paired Wilcoxon tests, Holm-corrected over the rows.
    """
    found = {}
    for row in rows:
        _, a, b = paired_values(row, first, metric.name)
        if row is not first and len(a):
            p_value = row.cells[metric.name].p_value
            found[row.label] = PairedDifference(
                float(np.mean(a - b)), statistics.bootstrap_interval(a - b, seed), len(a), p_value
            )
    return found


def draw_differences(
    axes: "Axes",
    rows: Sequence[Row],
    first: Row,
    metric: Metric,
    styles: Mapping[str, Style],
    found: Mapping[str, PairedDifference],
) -> None:
    """A line for each row but the first; zero is as good as the first."""
    shown = [row for row in rows if row.label in found]
    axes.axvline(0, color=MUTED, linewidth=0.8)
    for y, row in enumerate(shown):
        one, style = found[row.label], styles[row.label]
        if one.interval:
            axes.plot([one.interval.low, one.interval.high], [y, y], color=style.light, linewidth=1.6)
        axes.plot([one.mean], [y], zorder=3, **marked(style, 5))
        axes.annotate(
            p_mark(one.p_value), (1.0, y), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="center"
        )
    name_rows(axes, shown)
    better = {"lower": "← better", "higher": "better →", None: ""}[metric.direction]
    axes.set(xlabel=f"difference to {one_line_name(first)}   {better}")
    head(axes, heading(metric).text)
    axes.margins(x=0.12)
    plain(axes, "x")
