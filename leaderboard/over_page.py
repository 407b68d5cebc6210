"""A table over many boards as text: places and robustness, then a block for each metric."""

import json
from collections.abc import Sequence
from typing import Any

from bench.errors import BenchError
from leaderboard.boards import AXES
from leaderboard.format import Page, View
from leaderboard.grid import NOTHING, Grid, Heading, TextCell, heading, mean_and_se, number
from leaderboard.over import ManyBoards, OverRow
from leaderboard.render import FORMATS
from leaderboard.sharing import csv_cell, decimal_mark
from metrics.metric import Metric

BOARDS_A_BLOCK = 5  # columns that fit beside the names of methods


def render_over(over: ManyBoards, format: str = "rich", view: View | None = None) -> str:
    """Write a table over boards: text for people, or csv and json with every number of every board.

    Raises:
        BenchError: There is no such format, it is one for single tables, or it has no separator.
    """
    view = view or View()
    separator = view.separator_of(format, format == "csv")
    if format == "csv":
        mark = decimal_mark(separator or ",")
        frame = over.to_frame().map(csv_cell)
        return str(frame.to_csv(index=False, lineterminator="\n", sep=separator or ",", decimal=mark))
    if format == "json":
        return _as_json(over)
    write_page = FORMATS.get(format).write_page
    if write_page is None:
        raise BenchError(f"--format {format} is for single boards: take rich, markdown, latex, html, csv or json.")
    return write_page(page_over(over), view)


def page_over(over: ManyBoards) -> Page:
    """The table as text cells."""
    shared = [value for axis in AXES if axis not in over.axes and (value := over.boards[0].value(axis))]
    header = [
        f"{', '.join(shared)}: {len(over.boards)} boards that differ in {' and '.join(over.axes) or 'their data'}"
    ]
    ranked = sum(row.places is not None for row in over.rows)
    footer = [
        "mean place: over the boards, with its 95 % bootstrap interval over cases; places by Borda count among the "
        f"{ranked} of {len(over.rows)} methods that every board ranks",
        "mean ± standard error over cases",
    ]
    if any(table.oracle for table in over.tables) and not all(table.oracle for table in over.tables):
        footer.append("(oracle): the threshold saw the ground truth, an upper bound")
    blocks = range(0, len(over.boards), BOARDS_A_BLOCK)
    grids = [_places(over, list(range(len(over.boards)))[start : start + BOARDS_A_BLOCK]) for start in blocks]
    for metric in over.metrics:
        grids += [_metric(over, metric, list(range(len(over.boards)))[s : s + BOARDS_A_BLOCK]) for s in blocks]
    return Page(header, grids, footer, header[0])


def _headings(over: ManyBoards, indices: Sequence[int]) -> list[Heading]:
    """A board's words; the last one, mostly its protocol, stands below the others."""
    mixed = len({table.oracle for table in over.tables}) > 1
    titles = over.titles()
    found = []
    for index in indices:
        *first, last = titles[index] or (over.boards[index].board.dataset_fingerprint[:8],)
        last += " (oracle)" if mixed and over.tables[index].oracle else ""
        found.append(Heading(", ".join(first), last) if first else Heading(last))
    return found


def _places(over: ManyBoards, indices: Sequence[int]) -> Grid:
    best = min((row.mean_place for row in over.rows if row.mean_place is not None), default=None)

    def mean_place(row: OverRow) -> TextCell:
        if row.mean_place is None:
            return _cell(row, NOTHING)
        text = number(row.mean_place, 1)
        if row.interval:
            text += f" ({number(row.interval.low, 1)} to {number(row.interval.high, 1)})"
        return _cell(row, text, bold=row.mean_place == best)

    def cells(row: OverRow) -> tuple[TextCell, ...]:
        places = [NOTHING if row.places is None else str(row.places[index]) for index in indices]
        worst = _cell(row, NOTHING if row.worst is None else str(row.worst))
        return (mean_place(row), worst, _cell(row, row.label), *(_cell(row, place) for place in places))

    return Grid(
        title="Places",
        headings=(
            Heading("mean place"),
            Heading("worst"),
            Heading("method", align="left"),
            *_headings(over, indices),
        ),
        rows=tuple(cells(row) for row in over.rows),
    )


def _metric(over: ManyBoards, metric: Metric, indices: Sequence[int]) -> Grid:
    def cells(row: OverRow) -> tuple[TextCell, ...]:
        found = [row.rows[index] for index in indices]
        texts = [mean_and_se(one.cells.get(metric.name) if one else None) for one in found]
        return (_cell(row, row.label), *(_cell(row, text.text, text.bold) for text in texts))

    return Grid(
        title=heading(metric).text,
        headings=(Heading("method", align="left"), *_headings(over, indices)),
        rows=tuple(cells(row) for row in over.rows),
    )


def _cell(row: OverRow, text: str, bold: bool = False) -> TextCell:
    return TextCell(text, bold=bold, quiet=not bold and (row.baseline or row.places is None))


def _as_json(over: ManyBoards) -> str:
    value: dict[str, Any] = {
        "boards": [
            {
                "dataset": one.board.dataset,
                "dataset_fingerprint": one.board.dataset_fingerprint,
                "lesion_set": one.lesion_set or None,
                "protocol": one.board.protocol,
                "protocol_hash": one.board.protocol_hash,
                "oracle": one.oracle,
            }
            for one in over.boards
        ],
        "rows": [
            {
                "method": row.method,
                "label": row.label,
                "mean_place": row.mean_place,
                "mean_place_ci95": [row.interval.low, row.interval.high] if row.interval else None,
                "worst_place": row.worst,
                "places": row.places,
                "means": {
                    metric.name: [
                        one.cells[metric.name].mean if one and metric.name in one.cells else None for one in row.rows
                    ]
                    for metric in over.metrics
                },
            }
            for row in over.rows
        ],
    }
    return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
