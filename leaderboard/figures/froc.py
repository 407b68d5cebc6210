"""Free-response ROC of finished runs: drawn, and as numbers beside the picture."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.files import write_json, write_text
from leaderboard.colours import Style
from leaderboard.figures.saving import beside, save_figure
from leaderboard.figures.style import add_legend, entitle, head, legend_name, lined, panels, plain
from leaderboard.row import Row
from leaderboard.sharing import csv_cell
from leaderboard.statistics import RESAMPLES
from metrics.froc import Detections, FrocPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FALSE_COMPONENTS = (1, 2, 4, 8, 16)  # per case, at which sensitivities are given
RANGE = (0.25, 64.0)  # of the axis, beside 0

Floats = npt.NDArray[np.float64]


def sensitivity_at(points: Sequence[FrocPoint], false_components: float) -> float:
    """The highest sensitivity of the thresholds with at most so many false components per case; 0 if there is none."""
    return max((p.sensitivity or 0.0 for p in points if p.false_components_per_case <= false_components), default=0.0)


def sensitivities_at(found: Floats, false_per_case: Floats, allowed: Floats) -> Floats:
    """The highest sensitivity with at most so many false components per case: (..., K), (..., K), (A,) -> (..., A)."""
    usable = false_per_case[..., None, :] <= allowed[:, None]
    return np.asarray(np.where(usable, found[..., None, :], 0.0).max(axis=-1))


def froc_band(
    detections: Detections, allowed: Floats, seed: int = 0, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """The curve at so many false components per case, and its bootstrap band: three arrays like `allowed`.

    Cases are drawn again with replacement, with their lesions and false components together; the band holds the middle
    95 % of the draws at each point. A draw without any lesion is left out.
    """
    cases = len(detections.lesions)
    counts = np.random.default_rng(seed).multinomial(cases, np.full(cases, 1 / cases), size=RESAMPLES).astype(float)
    counts = counts[counts @ detections.lesions > 0]
    drawn = np.concatenate([np.ones((1, cases)), counts])
    share = drawn @ detections.found / (drawn @ detections.lesions)[:, None]
    curves = sensitivities_at(share, drawn @ detections.false / cases, allowed)
    tail = (1 - level) / 2
    low, high = np.quantile(curves[1:], [tail, 1 - tail], axis=0) if cases > 1 else (curves[0], curves[0])
    return curves[0], low, high


def save_froc(
    rows: Sequence[Row], curves: Mapping[str, Detections], output: Path, styles: Mapping[str, Style], title: str = ""
) -> list[Path]:
    """Write the curves as PNG, PDF, SVG, CSV (one line per threshold) and JSON (sensitivities at 1, 2, ... false
    components per case, and all points).

    rows: of the table. curves: row label -> counts. output: path, a suffix of a picture is replaced. styles: by the
    same labels. title: the line on top. BenchError when there is no lesion to find.
    """
    if not any(one.lesions.any() for one in curves.values()):
        raise BenchError("These runs have no lesions to find, so there is no free-response ROC.")
    points = {label: one.points() for label, one in curves.items()}
    summary: dict[str, Any] = {
        label: {
            "sensitivity_at_false_components_per_case": {str(n): sensitivity_at(ones, n) for n in FALSE_COMPONENTS},
            "points": [vars(point) for point in ones],
        }
        for label, ones in points.items()
    }
    tables = [beside(output, ".csv"), beside(output, ".json")]
    figure, (axes,) = panels(1, size_in=(5.6, 3.4))
    draw_froc(axes, rows, curves, styles)
    add_legend(axes)
    entitle(figure, title)
    write_text(tables[0], as_csv(points))
    write_json(tables[1], summary)
    return [*save_figure(figure, output), *tables]


def as_csv(curves: Mapping[str, Sequence[FrocPoint]]) -> str:
    """One line for each method and threshold."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "threshold", "sensitivity", "false_components_per_case"])
    for label, points in curves.items():
        writer.writerows([csv_cell(label), p.threshold, p.sensitivity, p.false_components_per_case] for p in points)
    return text.getvalue()


def draw_froc(axes: "Axes", rows: Sequence[Row], curves: Mapping[str, Detections], styles: Mapping[str, Style]) -> None:
    """The highest sensitivity at up to so many false components per case, a line for each method, in its band."""
    allowed = np.concatenate([[0.0], np.geomspace(*RANGE, 120)])
    for row in rows:
        detections, style = curves.get(row.label), styles[row.label]
        if detections is None or not detections.lesions.any():
            continue
        curve, low, high = froc_band(detections, allowed)
        axes.fill_between(allowed, low, high, color=style.light, alpha=0.12, linewidth=0, step="post")
        axes.plot(allowed, curve, label=legend_name(row), drawstyle="steps-post", **lined(style))
    axes.set_xscale("symlog", linthresh=RANGE[0], linscale=0.25)
    axes.set_xticks([0, 0.25, *FALSE_COMPONENTS, 32, 64], ["0", "¼", *map(str, FALSE_COMPONENTS), "32", "64"])
    axes.minorticks_off()
    axes.set(xlabel="false components per case, at most", ylabel="share of lesions found", ylim=(-0.02, 1.02))
    axes.set_xlim(0, RANGE[1])
    head(axes, "Free-response ROC")
    plain(axes, "y")
