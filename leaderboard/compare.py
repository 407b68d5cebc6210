"""Two methods side by side, case by case: differences with intervals and paired tests."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from bench.errors import BenchError
from leaderboard import statistics
from leaderboard.format import Page, View
from leaderboard.grid import NOTHING, Grid, Heading, TextCell, header_lines, heading, number, p_text
from leaderboard.ranking import paired_values
from leaderboard.render import FORMATS
from leaderboard.row import Row
from leaderboard.sharing import csv_cell, decimal_mark
from leaderboard.statistics import Interval
from leaderboard.table import Table
from metrics.metric import Metric


@dataclass(frozen=True)
class Difference:
    """One metric over the n cases that both methods have. difference: first minus second, mean over cases.

    p_value: paired Wilcoxon test, Holm-corrected over the metrics. first_better, ties, second_better: cases.
    """

    n: int
    mean_first: float
    mean_second: float
    difference: float
    interval: Interval | None
    p_value: float
    first_better: int
    ties: int
    second_better: int


@dataclass(frozen=True)
class Comparison:
    """The paired view of two rows of one table."""

    table: Table
    first: Row
    second: Row
    differences: Mapping[str, Difference]


def compare(table: Table, first: str, second: str, seed: int = 0) -> Comparison:
    """Compare two rows, each named by method, or by `method:key=value,...` where a method has several.

    Raises BenchError when a name fits no row or more than one, or the two share no case.
    """
    a, b = find_row(table, first), find_row(table, second)
    known = {m.name: found for m in table.metrics if (found := _difference(m, a, b, seed))}
    if not known:
        raise BenchError(f"{a.label} and {b.label} have no case in common: run both to the end first.")
    corrected = statistics.holm([difference.p_value for difference in known.values()])
    differences = {
        name: replace(difference, p_value=p_value)
        for (name, difference), p_value in zip(known.items(), corrected, strict=True)
    }
    return Comparison(table, a, b, differences)


def find_row(table: Table, wanted: str) -> Row:
    """The one row that `method` or `method:key=value,...` names."""
    method, _, settings = wanted.partition(":")
    pairs = set(settings.split(",")) if settings else set()
    named = [row for row in table.rows if row.label == wanted]
    fitting = named or [
        row
        for row in table.rows
        if row.method == method and pairs <= {f"{key}={value}" for key, value in row.differences.items()}
    ]
    if len(fitting) == 1:
        return fitting[0]
    labels = ", ".join(row.label for row in fitting or table.rows)
    problem = "names more than one row" if fitting else "is not in this table"
    raise BenchError(f"{wanted} {problem}: choose one of {labels}.")


def _difference(metric: Metric, first: Row, second: Row, seed: int) -> Difference | None:
    _, a, b = paired_values(first, second, metric.name)
    p_value = statistics.wilcoxon_p_value(a, b)
    if p_value is None:
        return None
    difference = np.round(a - b, statistics.DECIMALS)
    lead = -difference if metric.direction == "lower" else difference
    return Difference(
        n=len(a),
        mean_first=float(np.mean(a)),
        mean_second=float(np.mean(b)),
        difference=float(np.mean(a - b)),
        interval=statistics.bootstrap_interval(a - b, seed),
        p_value=p_value,
        first_better=int((lead > 0).sum()),
        ties=int((lead == 0).sum()),
        second_better=int((lead < 0).sum()),
    )


def render_comparison(comparison: Comparison, format: str = "rich", view: View | None = None) -> str:
    """Write a comparison: a summary by metric, then every case; csv holds the cases alone.

    Args:
        comparison: From `compare`.
        format: "csv", "json", or any leaderboard format for people.
        view: On what terminal.

    Raises:
        BenchError: There is no such format, or it is one for tables only.
    """
    view = view or View()
    separator = view.separator_of(format, format == "csv")
    if format == "csv":
        return _as_csv(comparison, separator or ",")
    if format == "json":
        return _as_json(comparison)
    write_page = FORMATS.get(format).write_page
    if write_page is None:
        raise BenchError(f"--format {format} is for `bench leaderboard` only: take rich, markdown, csv or json here.")
    return write_page(_page(comparison), view)


def _page(comparison: Comparison) -> Page:
    names = f"first: {comparison.first.label}, second: {comparison.second.label}"
    return Page(
        header=[*header_lines(comparison.table), names],
        grids=[_summary(comparison), _cases(comparison)],
        footer=[
            "difference: first minus second, with its 95 % bootstrap interval over cases",
            "p: paired Wilcoxon test, Holm-corrected over metrics",
            "better: cases in which the first / neither / the second is better",
        ],
    )


def _compared(comparison: Comparison) -> list[Metric]:
    return [m for m in comparison.table.metrics if m.name in comparison.differences]


def _summary(comparison: Comparison) -> Grid:
    def texts(metric: Metric) -> list[str]:
        d = comparison.differences[metric.name]
        interval = NOTHING if d.interval is None else f"{number(d.interval.low)} to {number(d.interval.high)}"
        return [
            heading(metric).title,
            str(d.n),
            number(d.mean_first),
            number(d.mean_second),
            number(d.difference),
            interval,
            p_text(d.p_value).removeprefix("p = ").removeprefix("p "),
            f"{d.first_better}/{d.ties}/{d.second_better}" if metric.direction else NOTHING,
        ]

    titles = (
        "n",
        "first",
        "second",
        "difference",
        "95 % interval",
        "p",
        "better",
    )
    return Grid(
        title="Summary",
        headings=(Heading("metric", align="left"), *(Heading(title) for title in titles)),
        rows=_text_rows(texts(metric) for metric in _compared(comparison)),
    )


def _text_rows(rows: Iterable[list[str]]) -> tuple[tuple[TextCell, ...], ...]:
    return tuple(tuple(TextCell(text) for text in row) for row in rows)


def _case_ids(comparison: Comparison) -> list[str]:
    """All cases of either row, so that one without a partner is seen."""
    rows = (comparison.first, comparison.second)
    return sorted({case for row in rows for values in row.values.values() for case in values})


def _cases(comparison: Comparison) -> Grid:
    def pair(case: str, metric: Metric) -> str:
        rows = (comparison.first, comparison.second)
        return " | ".join(number(row.values[metric.name].get(case)) for row in rows)

    metrics = _compared(comparison)
    return Grid(
        title="By case, first | second",
        headings=(Heading("case", align="left"), *(heading(metric) for metric in metrics)),
        rows=_text_rows([case, *(pair(case, m) for m in metrics)] for case in _case_ids(comparison)),
    )


def _as_csv(comparison: Comparison, separator: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", delimiter=separator)
    mark = decimal_mark(separator)

    def cell(value: float | None) -> str | None:
        return None if value is None else str(value).replace(".", mark)

    names = (csv_cell(row.label) for row in (comparison.first, comparison.second))
    writer.writerow(["case", "metric", *names, "difference"])
    for metric in _compared(comparison):
        for case in _case_ids(comparison):
            a, b = (row.values[metric.name].get(case) for row in (comparison.first, comparison.second))
            difference = None if a is None or b is None else a - b
            writer.writerow([csv_cell(case), metric.name, cell(a), cell(b), cell(difference)])
    return text.getvalue()


def _as_json(comparison: Comparison) -> str:
    table, first, second = comparison.table, comparison.first, comparison.second
    value = {
        "dataset": table.dataset,
        "dataset_fingerprint": table.dataset_fingerprint,
        "protocol": table.protocol,
        "first": first.label,
        "second": second.label,
        "metrics": {name: asdict(difference) for name, difference in comparison.differences.items()},
        "cases": {
            case: {name: [row.values[name].get(case) for row in (first, second)] for name in comparison.differences}
            for case in _case_ids(comparison)
        },
    }
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
