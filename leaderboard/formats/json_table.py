"""JSON for programs, with every number at full precision."""

import json
from typing import Any

from leaderboard.costs import COSTS
from leaderboard.format import Format
from leaderboard.row import Cell, Row
from leaderboard.statistics import Interval
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
        **{column.name: row.costs.get(column.name) for column in COSTS},
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


def _interval(interval: Interval | None) -> list[float] | None:
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


JSON = Format("json", write_table=as_json)
