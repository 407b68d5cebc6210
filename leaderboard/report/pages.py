"""The pages of a report: what each shows, handed to its template."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.colours import Style
from leaderboard.costs import COSTS
from leaderboard.figures.differences import differences as paired_differences
from leaderboard.figures.differences import draw_differences
from leaderboard.figures.froc import FALSE_COMPONENTS, draw_froc, froc_band
from leaderboard.figures.intervals import draw_intervals
from leaderboard.figures.lesion_volume import draw_sensitivity
from leaderboard.figures.ranks import draw_ranks
from leaderboard.figures.style import one_line_name
from leaderboard.figures.tradeoff import draw_tradeoff, runtime_s
from leaderboard.grid import heading, number, p_mark, p_text
from leaderboard.report.charts import chart, legend, untitled
from leaderboard.report.content import CaseView, DatasetView, Entry, ProtocolView, Report, slug
from leaderboard.row import Cell, Row
from leaderboard.statistics import Interval


@dataclass(frozen=True)
class Page:
    """A page to be written: name of its file without suffix, title, template and what that takes."""

    name: str
    title: str
    template: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Numbers:
    """A small table under a figure."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """One or more panels that belong together. svgs: (what a reader who cannot see it is told, the panel)."""

    id: str
    title: str
    caption: str
    svgs: Sequence[tuple[str, str]]
    numbers: Numbers | None = None
    legend: Sequence[tuple[str, str]] = ()


def pages(report: Report) -> Iterator[Page]:
    """Every page, the overview first."""
    yield Page("index", "Overview", "index.html", {"report": report})
    for dataset in report.datasets:
        sections = [(view, list(_figures(view, dataset))) for view in dataset.protocols]
        values = {"dataset": dataset, "board": Board(dataset), "sections": sections}
        yield Page(dataset_page(dataset), dataset.title, "dataset.html", values)
    for method in report.methods:
        yield Page(method_page(method.name), method.title, "method.html", {"method": method})
    for dataset in report.datasets:
        for index, case in enumerate(dataset.cases):
            around = [dataset.cases[i] if 0 <= i < len(dataset.cases) else None for i in (index - 1, index + 1)]
            yield Page(case_page(dataset, case), case.id, "case.html", _case_values(dataset, case, around))


def dataset_page(dataset: DatasetView) -> str:
    """Name of a dataset's page."""
    return f"board-{dataset.slug}"


def method_page(name: str) -> str:
    """Name of a method's page."""
    return f"method-{slug(name)}"


def case_page(dataset: DatasetView, case: CaseView) -> str:
    """Name of a case's page."""
    return f"case-{dataset.slug}-{slug(case.id)}"


@dataclass(frozen=True)
class Board:
    """The table of one dataset: entries as rows; of each metric a column for each protocol, side by side."""

    dataset: DatasetView

    @property
    def metrics(self) -> Sequence[Any]:
        """Those of the first protocol's table; all tables of a report show the same."""
        return self.dataset.protocols[0].table.metrics

    def cell(self, entry: Entry, view: ProtocolView, metric: str) -> Cell | None:
        """A number of the table, None where the entry has none under that protocol."""
        row = entry.rows.get(view.table.protocol)
        return row.cells.get(metric) if row else None


def text_of(cell: Cell | None) -> str:
    """Mean and standard error, or a dash."""
    if cell is None or cell.mean is None:
        return "–"
    return number(cell.mean) if cell.se is None else f"{number(cell.mean)} ± {number(cell.se)}"


def interval_text(interval: Interval | None) -> str:
    """Such as "0.64–0.78"."""
    return "–" if interval is None else f"{number(interval.low)}–{number(interval.high)}"


def cost_text(row: Row, name: str) -> str:
    """A cost of a row, as `leaderboard.grid` prints it."""
    column = next(one for one in COSTS if one.name == name)
    value = row.costs.get(name)
    return number(value / column.scale, column.digits) if isinstance(value, int | float) else value or "–"


def _figures(view: ProtocolView, dataset: DatasetView) -> Iterator[Figure]:
    table, name = view.table, slug(f"{dataset.slug}-{view.table.protocol}")
    styles: dict[str, Style] = {
        row.label: dataset.styles[entry.label]
        for entry in dataset.entries
        if (row := entry.rows.get(table.protocol)) is not None
    }
    measured = [row for row in table.rows if row.n]
    ranked = [row for row in table.rows if row.place is not None]
    shown = legend([row.label for row in measured], styles)

    def by_metric(what: str, draw: Callable[..., None]) -> list[tuple[str, str]]:
        return [
            (
                f"{what}: {heading(metric).text}",
                chart(f"{name}-{slug(what)}-{metric.name}", lambda axes, metric=metric: draw(axes, metric)),  # type: ignore[misc]
            )
            for metric in table.metrics
        ]

    if measured:
        yield Figure(
            f"{name}-metrics",
            "Means with 95 % intervals",
            "The mark is the mean over cases, the bar its 95 % bootstrap interval, pale dots are the cases.",
            by_metric("means", lambda axes, metric: draw_intervals(axes, measured, metric, styles)),
        )
    if view.froc:
        yield Figure(
            f"{name}-froc",
            "Free-response ROC",
            "Share of lesions found with at most so many false connected components per case, one threshold for all "
            "cases; bands are 95 % bootstrap over cases.",
            [
                (
                    "Free-response ROC",
                    untitled(f"{name}-froc", lambda axes: draw_froc(axes, measured, view.froc, styles)),
                )
            ],
            _froc_numbers(measured, view),
            shown,
        )
    if view.bins:
        yield Figure(
            f"{name}-volume",
            "Sensitivity by lesion volume",
            "Share of lesions found by their volume, with 95 % Wilson intervals, which take lesions of one case as "
            "independent.",
            [
                (
                    "by volume",
                    untitled(f"{name}-volume", lambda axes: draw_sensitivity(axes, measured, view.bins, styles)),
                )
            ],
            _volume_numbers(measured, view),
            shown,
        )
    if view.places is not None:
        yield Figure(
            f"{name}-ranks",
            "Rank stability",
            "A blob's area is the share of bootstrap draws of the cases in which a method takes that place by Borda "
            "count; the stroke is the median, the bar the 95 % interval.",
            [("ranks", untitled(f"{name}-ranks", lambda axes: draw_ranks(axes, ranked, view.places, styles)))],
            Numbers(
                ("method", "place", "95 % of draws"),
                [
                    (row.label, str(row.place), f"{row.place_interval.low:.0f} to {row.place_interval.high:.0f}")
                    for row in ranked
                    if row.place_interval
                ],
            ),
        )
    if len(ranked) > 1:
        found = {metric.name: paired_differences(ranked, ranked[0], metric) for metric in table.metrics}
        yield Figure(
            f"{name}-differences",
            f"Paired differences to {one_line_name(ranked[0])}",
            "Mean over cases of each method minus the first, with 95 % bootstrap intervals. Stars: paired Wilcoxon, "
            "Holm-corrected over methods, * p < 0.05, ** p < 0.01, *** p < 0.001.",
            by_metric(
                "differences",
                lambda axes, metric: draw_differences(axes, ranked, ranked[0], metric, styles, found[metric.name]),
            ),
            _difference_numbers(view, found),
        )
    timed = [row for row in measured if runtime_s(row) is not None]
    if timed:
        yield Figure(
            f"{name}-tradeoff",
            "Quality against time",
            "Better is up in every panel. Time is that of scoring one case, on the machine that is named under Costs.",
            by_metric("quality", lambda axes, metric: draw_tradeoff(axes, timed, metric, styles)),
            None,
            legend([row.label for row in timed], styles),
        )


def _froc_numbers(rows: Sequence[Row], view: ProtocolView) -> Numbers:
    import numpy as np

    def texts(row: Row) -> list[str]:
        curve, low, high = froc_band(view.froc[row.label], np.array(FALSE_COMPONENTS, dtype=float))
        return [row.label, *(f"{a:.2f} ({b:.2f} to {c:.2f})" for a, b, c in zip(curve, low, high, strict=True))]

    heads = ("method", *(f"at {n}" for n in FALSE_COMPONENTS))
    return Numbers(heads, [texts(row) for row in rows if row.label in view.froc])


def _volume_numbers(rows: Sequence[Row], view: ProtocolView) -> Numbers:
    first = next(iter(view.bins.values()))
    return Numbers(
        ("method", *(f"{one} ml" for one in first)),
        [
            [row.label, *(f"{one.found}/{one.lesions}" for one in view.bins[row.label])]
            for row in rows
            if row.label in view.bins
        ],
    )


def _signed(interval: Interval | None) -> str:
    """An interval whose ends may be negative."""
    return "–" if interval is None else f"{number(interval.low)} to {number(interval.high)}"


def _difference_numbers(view: ProtocolView, found: Mapping[str, Mapping[str, Any]]) -> Numbers:
    rows = []
    for metric in view.table.metrics:
        for label, one in found[metric.name].items():
            p_value = "–" if one.p_value is None else f"{p_text(one.p_value)} {p_mark(one.p_value)}".strip()
            rows.append((metric.title, label, number(one.mean), _signed(one.interval), str(one.n), p_value))
    return Numbers(("metric", "method", "difference", "95 % interval", "n", "p, Holm"), rows)


def _case_values(dataset: DatasetView, case: CaseView, around: Sequence[CaseView | None]) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "board": Board(dataset),
        "case": case,
        "around": around,
        "volumes": json.dumps(case.volumes).replace("<", "\\u003c") if case.volumes else "",
        "by_label": {entry.label: entry for entry in dataset.entries},
    }


def case_number(row: Row | None, metric: str, case_id: str) -> str:
    """A metric of one case."""
    return number(row.values.get(metric, {}).get(case_id)) if row else "–"
