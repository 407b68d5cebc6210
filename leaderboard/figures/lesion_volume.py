"""Sensitivity by lesion volume: are small lesions found, or only large ones?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy import stats

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard.figures.saving import save_figure
from leaderboard.selection import NEWEST, BoardChoice, Entry, choose_board, entries
from leaderboard.statistics import Interval

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
        _label(entry): sensitivity_by_volume(
            lesion for run in entry.runs for case in run.cases for lesion in case.lesions
        )
        for entry in entries(on_board)
    }
    found = {label: bins for label, bins in found.items() if any(one.lesions for one in bins)}
    if not found:
        raise BenchError(f"No run on {board} has lesions to be found.")
    return found


def _label(entry: Entry) -> str:
    """The entry's label; cases that it lacks are not left unsaid."""
    n, of = min(run.n for run in entry.runs), max(run.of for run in entry.runs)
    return entry.label if n == of else f"{entry.label} ({n}/{of} cases)"


def draw_sensitivity(bins: dict[str, list[VolumeBin]], output: Path) -> list[Path]:
    """Sensitivity over lesion volume, a line for each method, with 95 % Wilson intervals. Writes PNG and PDF.

    output: path, a suffix of a picture is replaced.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, (label, method_bins) in enumerate(bins.items()):
        shift = 0.04 * (i - (len(bins) - 1) / 2)  # so that intervals do not hide each other
        points = [
            (x + shift, one.sensitivity, one.interval)
            for x, one in enumerate(method_bins)
            if one.sensitivity is not None and one.interval is not None
        ]
        below = [max(sensitivity - interval.low, 0) for _, sensitivity, interval in points]
        above = [max(interval.high - sensitivity, 0) for _, sensitivity, interval in points]
        x, y = [point[0] for point in points], [point[1] for point in points]
        axes.errorbar(x, y, yerr=[below, above], label=label, marker="o", markersize=3, capsize=2, linewidth=1)
    first = next(iter(bins.values()))
    axes.set_xticks(range(len(first)), [f"{one}\nn = {one.lesions}" for one in first])
    axes.set(xlabel="lesion volume (ml), number of lesions", ylabel="share of lesions found", ylim=(-0.03, 1.03))
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return save_figure(figure, output)
