"""Results as pandas frames, for analyses of one's own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.results import RunResult
from leaderboard.costs import COSTS
from leaderboard.row import Cell, Row
from metrics.metric import Metric

if TYPE_CHECKING:
    from pandas import DataFrame

Value = float | int | str | bool | None


def results_frame(runs: Iterable[RunResult]) -> "DataFrame":
    """Every measured value of every run, in long format.

    Args:
        runs: Of any datasets, protocols and seeds, as `bench.results.load_run` reads them.

    Returns:
        One line per case and metric, with the columns dataset, dataset_fingerprint, protocol, method, seed, case,
        metric and value (float, NaN where the metric is undefined). `bench metrics` says what the metrics are.

    Example:
        >>> from bench.results import CaseResult, RunResult
        >>> case = CaseResult(id="sub-01", threshold=0.5, metrics={"tpr": 0.75, "msd_mm": None})
        >>> run = RunResult(
        ...     key="", dataset="mine", dataset_fingerprint="", method="zscore", title="", seed=0, protocol="paper@1",
        ...     protocol_hash="", oracle=True, status="finished", of=1, cases=[case], created="2026-01-01T00:00:00"
        ... )
        >>> results_frame([run])[["method", "seed", "case", "metric", "value"]]
           method  seed    case  metric  value
        0  zscore     0  sub-01     tpr   0.75
        1  zscore     0  sub-01  msd_mm    NaN
        >>> means = results_frame([run]).groupby(["method", "metric"])["value"].mean()
    """
    import pandas

    columns = ("dataset", "dataset_fingerprint", "protocol", "method", "seed", "case", "metric", "value")
    lines = [
        (run.dataset, run.dataset_fingerprint, run.protocol, run.method, run.seed, case.id, name, value)
        for run in runs
        for case in run.cases
        for name, value in case.metrics.items()
    ]
    return pandas.DataFrame(lines, columns=columns).astype({"value": float})


def rows_frame(board: Mapping[str, str], rows: Sequence[Row], metrics: Sequence[Metric]) -> "DataFrame":
    """Rows of one table, one a line, with what they share in the first columns; see `Table.to_frame`."""
    import pandas

    lines = [{**board, **_of_row(row), **_of_metrics(row, metrics), **_rest(row)} for row in rows]
    frame = pandas.DataFrame(lines)
    for column in lines[0]:
        known = [value for line in lines if (value := line[column]) is not None]
        if not known:
            frame[column] = float("nan")
        elif all(type(value) is int for value in known):
            frame[column] = frame[column].astype("Int64")  # whole also where one is missing
    return frame


def _of_row(row: Row) -> dict[str, Value]:
    return {
        "place": row.place,
        "borda": row.borda,
        "method": row.method,
        "label": row.label,
        "status": row.status,
        "n": row.n,
        "of": row.of,
    }


def _of_metrics(row: Row, metrics: Sequence[Metric]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for metric in metrics:
        cell = row.cells.get(metric.name, Cell())
        columns = {
            "mean": cell.mean,
            "se": cell.se,
            "n": cell.n,
            "low": cell.interval.low if cell.interval else None,
            "high": cell.interval.high if cell.interval else None,
            "p_value": cell.p_value,
        }
        values |= {f"{metric.name}_{column}": value for column, value in columns.items()}
    return values


def _rest(row: Row) -> dict[str, Value]:
    return {column.name: row.costs.get(column.name) for column in COSTS} | {
        "seeds": " ".join(map(str, row.seeds)),
        "external": row.external,
        "url": row.url,
        "error": row.error,
    }
