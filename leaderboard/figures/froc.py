"""Free-response ROC of finished runs: drawn, and as numbers beside the picture."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.files import write_json, write_text
from leaderboard.figures.saving import beside, save_figure
from leaderboard.sharing import csv_cell
from metrics.froc import FrocPoint

FALSE_COMPONENTS = (1, 2, 4, 8, 16)  # per case, at which sensitivities are given


def sensitivity_at(points: Sequence[FrocPoint], false_components: float) -> float:
    """The highest sensitivity of the thresholds with at most so many false components per case; 0 if there is none."""
    return max((p.sensitivity or 0.0 for p in points if p.false_components_per_case <= false_components), default=0.0)


def save_froc(curves: Mapping[str, Sequence[FrocPoint]], output: Path) -> list[Path]:
    """Write the curves as PNG, PDF, CSV (one line per threshold) and JSON (sensitivities at 1, 2, ... false
    components per case, and all points).

    curves: row label -> points. output: path, a suffix of a picture is replaced. BenchError when there is no lesion to
    find.
    """
    if not any(p.sensitivity is not None for points in curves.values() for p in points):
        raise BenchError("These runs have no lesions to find, so there is no free-response ROC.")
    summary: dict[str, Any] = {
        label: {
            "sensitivity_at_false_components_per_case": {str(n): sensitivity_at(points, n) for n in FALSE_COMPONENTS},
            "points": [vars(point) for point in points],
        }
        for label, points in curves.items()
    }
    tables = [beside(output, ".csv"), beside(output, ".json")]
    write_text(tables[0], as_csv(curves))
    write_json(tables[1], summary)
    return [*_draw(curves, output), *tables]


def as_csv(curves: Mapping[str, Sequence[FrocPoint]]) -> str:
    """One line for each method and threshold."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "threshold", "sensitivity", "false_components_per_case"])
    for label, points in curves.items():
        writer.writerows([csv_cell(label), p.threshold, p.sensitivity, p.false_components_per_case] for p in points)
    return text.getvalue()


def _draw(curves: Mapping[str, Sequence[FrocPoint]], output: Path) -> list[Path]:
    """Sensitivity over false components per case, a line for each method through its thresholds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for label, points in curves.items():
        x = [p.false_components_per_case for p in points]
        axes.plot(x, [p.sensitivity or 0.0 for p in points], label=label, marker=".", markersize=3, linewidth=1)
    axes.set_xscale("symlog", linthresh=1)
    axes.set(xlabel="false components per case", ylabel="share of lesions found", ylim=(-0.03, 1.03), xlim=(0, None))
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return save_figure(figure, output)
