"""Who is first: places by Borda count, the best of each column, tests against the first row.

Only rows with every case, and every metric defined wherever another row has it, take part.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from leaderboard import statistics
from leaderboard.row import Cell, Row
from metrics.metric import Metric

DIGITS = 2  # shown after the point; values equal to this many digits share the bold
LAST = ("finished", "skipped", "failed")  # the order of rows without a place


def ranked(rows: list[Row], metrics: Sequence[Metric], seed: int) -> tuple[Row, ...]:
    """Rows with places, bold and tests, in order: ranked by place, then incomplete ones, skipped ones, failed ones."""
    most = {m.name: max((row.cells[m.name].n for row in rows if row.complete), default=0) for m in metrics}
    used = [m for m in metrics if m.direction and most[m.name] > 0]
    fit = [row for row in rows if row.complete and all(row.cells[m.name].n == most[m.name] for m in used)]
    rest = [row for row in rows if row not in fit]
    if fit and used:
        fit = _mark_best(_with_p_values(_with_places(fit, used, seed), used), used)
    rest.sort(key=lambda row: (LAST.index(row.status), -row.n, row.label))
    return (*fit, *rest)


def _with_places(rows: list[Row], metrics: Sequence[Metric], seed: int) -> list[Row]:
    lower = [m.direction == "lower" for m in metrics]
    means = np.array([[row.cells[m.name].mean for m in metrics] for row in rows], dtype=float)
    values = _case_values(rows, metrics)
    placed = [
        replace(row, borda=float(points), place=int(place), place_interval=interval)
        for row, points, place, interval in zip(
            rows,
            statistics.borda_points(means, lower),
            statistics.borda_ranks(means, lower),
            statistics.borda_rank_intervals(values, lower, seed),
            strict=True,
        )
    ]
    return sorted(placed, key=lambda row: (row.place, row.label))


def _case_values(rows: Sequence[Row], metrics: Sequence[Metric]) -> statistics.Array:
    """(rows, metrics, cases), nan where a value is undefined."""
    cases = sorted(set.union(*(set(row.values[metrics[0].name]) for row in rows)))
    return np.array([[[row.values[m.name].get(c) for c in cases] for m in metrics] for row in rows], dtype=float)


def place_draws(rows: Sequence[Row], metrics: Sequence[Metric], seed: int = 0) -> npt.NDArray[np.int64]:
    """The places that the ranked rows of a table take when cases are drawn again: (draws, ranked rows).

    rows: those of a table that have a place, in its order. metrics: those of the table.
    """
    used = [m for m in metrics if m.direction and any(row.cells[m.name].n for row in rows)]
    return statistics.borda_rank_draws(_case_values(rows, used), [m.direction == "lower" for m in used], seed)


def _with_p_values(rows: list[Row], metrics: Sequence[Metric]) -> list[Row]:
    first, others = rows[0], rows[1:]
    for m in metrics:
        p_values = [paired_p_value(row, first, m.name) for row in others]
        known = [p for p in p_values if p is not None]
        corrected = iter(statistics.holm(known))
        others = [
            row if p is None else _with_cell(row, m.name, replace(row.cells[m.name], p_value=next(corrected)))
            for row, p in zip(others, p_values, strict=True)
        ]
    return [first, *others]


def paired_values(a: Row, b: Row, name: str) -> tuple[list[str], statistics.Array, statistics.Array]:
    """Ids of the cases where both rows have the metric, and both rows' values in that order."""
    values_a, values_b = a.values[name], b.values[name]
    both = [case for case in values_a if values_a[case] is not None and values_b.get(case) is not None]
    return (
        both,
        np.array([values_a[case] for case in both], dtype=float),
        np.array([values_b[case] for case in both], dtype=float),
    )


def paired_p_value(a: Row, b: Row, name: str) -> float | None:
    """Paired Wilcoxon test over the cases that both rows have."""
    _, values_a, values_b = paired_values(a, b, name)
    return statistics.wilcoxon_p_value(values_a, values_b)


def _with_cell(row: Row, name: str, cell: Cell) -> Row:
    return replace(row, cells={**row.cells, name: cell})


def _mark_best(rows: list[Row], metrics: Sequence[Metric]) -> list[Row]:
    for m in metrics:
        means = [round(row.cells[m.name].mean or 0.0, DIGITS) for row in rows]
        best = min(means) if m.direction == "lower" else max(means)
        nothing = m.direction == "higher" and best == 0  # a TPR of 0.00 is nobody's merit
        rows = [
            _with_cell(row, m.name, replace(row.cells[m.name], best=mean == best and not nothing))
            for row, mean in zip(rows, means, strict=True)
        ]
    return rows
