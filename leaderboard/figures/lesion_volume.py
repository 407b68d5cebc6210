"""Sensitivity by lesion volume: are small lesions found, or only large ones?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scipy import stats

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard.colours import Style
from leaderboard.figures.saving import save_figure
from leaderboard.figures.style import add_legend, entitle, head, legend_name, lined, marked, panels, plain
from leaderboard.row import Row
from leaderboard.selection import NEWEST, BoardChoice, choose_board, entries
from leaderboard.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BOUNDS_ML = (0.1, 0.5, 1.0, 5.0)  # the lesion simulator's size classes


@dataclass(frozen=True)
class VolumeBin:
    """Lesions of at least `low_ml` and less than `high_ml` (None: no limit), and how many were found.

    sensitivity, interval: found / lesions with its 95 % Wilson interval; None without lesions.
    """

    low_ml: float
    high_ml: float | None
    lesions: int
    found: int

    @property
    def sensitivity(self) -> float | None:
        return self.found / self.lesions if self.lesions else None

    @property
    def interval(self) -> Interval | None:
        if not self.lesions:
            return None
        interval = stats.binomtest(self.found, self.lesions).proportion_ci(method="wilson")
        return Interval(float(interval.low), float(interval.high))

    def __str__(self) -> str:
        if self.high_ml is None:
            return f"≥ {self.low_ml:g}"
        return f"{self.low_ml:g}-{self.high_ml:g}" if self.low_ml else f"< {self.high_ml:g}"


def sensitivity_by_volume(lesions: Iterable[tuple[float, bool]]) -> list[VolumeBin]:
    """Bin (volume_ml, found) pairs by volume."""
    lesions = list(lesions)
    lows, highs = (0.0, *BOUNDS_ML), (*BOUNDS_ML, None)
    bins = []
    for low, high in zip(lows, highs, strict=True):
        found = [hit for volume, hit in lesions if volume >= low and (high is None or volume < high)]
        bins.append(VolumeBin(low, high, len(found), sum(found)))
    return bins


def sensitivities(runs: Sequence[RunResult], choice: BoardChoice = NEWEST) -> dict[str, list[VolumeBin]]:
    """Row label -> bins, for the runs of one dataset and protocol; lesions of all seeds together.

    Chooses runs as `build_table` does. Raises BenchError when none of them knows its lesions.
    """
    board, _ = choose_board(runs, choice)
    on_board = [run for run in runs if board.holds(run)]
    found = {
        entry.label: sensitivity_by_volume(
            lesion for run in entry.runs for case in run.cases for lesion in case.lesions
        )
        for entry in entries(on_board)
    }
    found = {label: bins for label, bins in found.items() if any(one.lesions for one in bins)}
    if not found:
        raise BenchError(f"No run on {board} has lesions to be found.")
    return found


def save_sensitivity(
    rows: Sequence[Row],
    bins: Mapping[str, list[VolumeBin]],
    output: Path,
    styles: Mapping[str, Style],
    title: str = "",
) -> list[Path]:
    """Write PNG, PDF and SVG. output: path, a suffix of a picture is replaced. title: the line on top."""
    figure, (axes,) = panels(1, size_in=(5.6, 3.4))
    draw_sensitivity(axes, rows, bins, styles)
    add_legend(axes)
    entitle(figure, title)
    return save_figure(figure, output)


def draw_sensitivity(
    axes: "Axes", rows: Sequence[Row], bins: Mapping[str, list[VolumeBin]], styles: Mapping[str, Style]
) -> None:
    """Sensitivity over lesion volume, a line for each method, with 95 % Wilson intervals."""
    shown = [row for row in rows if row.label in bins]
    for i, row in enumerate(shown):
        shift = 0.07 * (i - (len(shown) - 1) / 2)  # so that intervals do not hide each other
        style = styles[row.label]
        points = [
            (x + shift, one.sensitivity, one.interval)
            for x, one in enumerate(bins[row.label])
            if one.sensitivity is not None and one.interval is not None
        ]
        for x, _, interval in points:
            axes.plot([x, x], [interval.low, interval.high], color=style.light, linewidth=1.0, alpha=0.7)
        xs, ys = [x for x, _, _ in points], [y for _, y, _ in points]
        axes.plot(xs, ys, **lined(style) | {"linewidth": 0.7, "alpha": 0.6})
        axes.plot(xs, ys, linestyle="none", label=legend_name(row), **marked(style, 4))
    first = next(iter(bins.values()))
    axes.set_xticks(range(len(first)), [f"{one}\nn = {one.lesions}" for one in first])
    axes.set(xlabel="lesion volume in ml, and how many lesions", ylabel="share of lesions found", ylim=(-0.02, 1.02))
    head(axes, "Sensitivity by lesion volume")
    plain(axes, "y")
