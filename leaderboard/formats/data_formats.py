"""Tables for programs: JSON and CSV, with every number at full precision."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from leaderboard.row import Cell, Row
from leaderboard.table import UPPER_BOUND, Table


def as_json(table: Table) -> str:
    """One object; each row holds its metrics by name, {"mean": ..., "se": ...} and more."""
    value = {
        "dataset": table.dataset,
        "dataset_fingerprint": table.dataset_fingerprint,
        "dataset_description": table.dataset_description,
        "channels": table.channels,
        "lesions": table.lesions,
        "protocol": table.protocol,
        "protocol_hash": table.protocol_hash,
        "threshold": UPPER_BOUND if table.oracle else "deployable",
        "metrics": {m.name: {"title": m.title, "unit": m.unit, "direction": m.direction} for m in table.metrics},
        "rows": [_row(row) for row in table.rows],
        "paper_rows": [_row(row) for row in table.paper_rows],
        "paper_source": table.paper_source,
        "notes": table.notes,
    }
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _row(row: Row) -> dict[str, Any]:
    return {
        "method": row.method,
        "label": row.label,
        "title": row.title,
        "n": row.n,
        "of": row.of,
        **{name: _cell(cell) for name, cell in row.cells.items()},
        **asdict(row.cost),
        "place": row.place,
        "place_ci95": _interval(row.place_interval),
        "borda": row.borda,
        "status": row.status,
        "error": row.error,
        "failed_cases": row.failed_cases,
        "baseline": row.baseline,
        "external": row.external,
        "differences": row.differences,
        "seeds": row.seeds,
        "url": row.url,
    }


def _interval(interval: Any) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "mean": cell.mean,
        "se": cell.se,
        "n": cell.n,
        "ci95": _interval(cell.interval),
        "seed_sd": cell.seed_sd,
        "p_value": cell.p_value,
        "best": cell.best,
    }


def as_csv(table: Table) -> str:
    """One line a row; a metric takes the columns <name>_mean, _se, _n, _low, _high and _p_value."""
    lines = [_csv_line(table, row) for row in (*table.rows, *table.paper_rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _csv_line(table: Table, row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {
        "dataset": table.dataset,
        "dataset_fingerprint": table.dataset_fingerprint,
        "protocol": table.protocol,
        "place": row.place,
        "borda": row.borda,
        "method": row.method,
        "label": row.label,
        "status": row.status,
        "n": row.n,
        "of": row.of,
    }
    for metric in table.metrics:
        cell = row.cells.get(metric.name, Cell())
        low, high = _interval(cell.interval) or (None, None)
        columns = {
            "mean": cell.mean,
            "se": cell.se,
            "n": cell.n,
            "low": low,
            "high": high,
            "p_value": cell.p_value,
        }
        line |= {f"{metric.name}_{column}": value for column, value in columns.items()}
    seeds = " ".join(map(str, row.seeds))
    return line | asdict(row.cost) | {"seeds": seeds, "external": row.external, "url": row.url, "error": row.error}
