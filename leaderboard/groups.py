"""A board by groups of its test subjects: sex, age, scanner, or how much lesion they have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard.detection import Detection, detection_of, detection_text, lesion_ml
from leaderboard.format import Page, View
from leaderboard.grid import NOTHING, Grid, Heading, TextCell, header_lines, heading, number
from leaderboard.render import FORMATS
from leaderboard.selection import Board, Entry, case_values, entries
from leaderboard.statistics import Interval, bootstrap_interval
from leaderboard.table import Table

By = Literal["sex", "age", "scanner", "lesion-volume"]
Participants = Mapping[str, Mapping[str, str]]

COLUMNS = {  # of participants.tsv, the first one that is there
    "sex": ("sex", "gender"),
    "age": ("age", "age_years", "age_at_scan"),
    "scanner": ("scanner", "manufacturersmodelname", "manufacturer", "site", "site_id", "center"),
}
UNKNOWN = "not known"
PARTS = 3  # that numbers are cut into, alike in size


@dataclass(frozen=True)
class GroupCell:
    """Mean of a metric over the n cases of a group in which it is defined, and its 95 % bootstrap interval."""

    n: int
    mean: float | None
    interval: Interval | None


@dataclass(frozen=True)
class GroupRow:
    """One method in one group. cases: how many the group has; detection: its patients against all healthy subjects."""

    label: str
    group: str
    cases: int
    cells: dict[str, GroupCell]
    detection: Detection | None


def group_rows(table: Table, runs: Sequence[RunResult], by: By, participants: Participants) -> list[GroupRow]:
    """Every method of a table in every group.

    Args:
        table: Names the board, its methods in their order, and the metrics.
        runs: The table's are taken.
        by: How test subjects are grouped.
        participants: Subject -> column -> value, as `Dataset.participants`.

    Raises:
        BenchError: When nothing is known by which to group.
    """
    board = Board(table.dataset, table.dataset_fingerprint, table.protocol, table.protocol_hash)
    on_board = [run for run in runs if board.holds(run)]
    groups = groups_of(on_board, by, participants)
    by_label = {entry.label: entry for entry in entries(on_board)}
    return [
        _row(by_label[row.label], group, ids, table)
        for group, ids in groups.items()
        for row in table.rows
        if row.label in by_label
    ]


def groups_of(runs: Sequence[RunResult], by: By, participants: Participants) -> dict[str, dict[str, None]]:
    """Group -> ids of its test cases. BenchError when nothing is known by which to group."""
    cases = {case.id: case for run in runs for case in run.cases}
    if by == "lesion-volume":
        volumes = {case_id: lesion_ml(case) for case_id, case in cases.items()}
        if not any(volumes.values()):
            raise BenchError("No test case of this board has a lesion: choose another --by.")
        cut = thirds({case_id: volume for case_id, volume in volumes.items() if volume}, " ml")
        healthy = {case_id: None for case_id, volume in volumes.items() if not volume}
        return cut | ({"healthy": healthy} if healthy else {})
    known = {case_id: value(participants.get(case_id.partition("_")[0], {}), by) for case_id in sorted(cases)}
    if not any(known.values()):
        there_are = ", ".join(sorted({column for said in participants.values() for column in said})) or "none"
        raise BenchError(
            f"participants.tsv says nothing of {by} of the test subjects: add a column {COLUMNS[by][0]} (it has: "
            f"{there_are})."
        )
    unknown = {case_id: None for case_id, found in known.items() if not found}
    if by == "age":
        groups = thirds({case_id: age for case_id, found in known.items() if (age := _number(found)) is not None}, "")
        unknown |= {case_id: None for case_id, found in known.items() if _number(found) is None}
    else:
        names = sorted({found for found in known.values() if found})
        groups = {name: {case_id: None for case_id, found in known.items() if found == name} for name in names}
    return groups | ({UNKNOWN: unknown} if unknown else {})


def value(said: Mapping[str, str], by: By) -> str | None:
    """What a table says of a subject."""
    columns = {name.lower(): found for name, found in said.items()}
    return next((columns[name] for name in COLUMNS[by] if columns.get(name)), None)


def thirds(values: Mapping[str, float], unit: str) -> dict[str, dict[str, None]]:
    """Ids in three parts alike in size, those with one value together, named by what they span, "20.1 to 35 ml"."""
    if not values:
        return {}
    edges = np.quantile(list(values.values()), np.arange(1, PARTS) / PARTS)
    part = {case_id: int(np.searchsorted(edges, found, side="left")) for case_id, found in values.items()}
    groups = {}
    for index in sorted(set(part.values())):
        ids = [case_id for case_id in sorted(values) if part[case_id] == index]
        low, high = min(values[i] for i in ids), max(values[i] for i in ids)
        span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        groups[span + unit] = dict.fromkeys(ids)
    return groups


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _row(entry: Entry, group: str, ids: Mapping[str, None], table: Table) -> GroupRow:
    runs = [run for run in entry.runs if run.cases]
    cells = {}
    for metric in table.metrics:
        found = case_values(runs, metric.name)
        defined = np.array([one for case_id, one in found.items() if case_id in ids and one is not None], dtype=float)
        mean = float(defined.mean()) if len(defined) else None
        cells[metric.name] = GroupCell(len(defined), mean, bootstrap_interval(defined))
    scored = set.intersection(*({case.id for case in run.cases} for run in runs)) if runs else set()
    return GroupRow(entry.label, group, len(scored & ids.keys()), cells, detection_of(runs, ids))


def render_groups(table: Table, rows: Sequence[GroupRow], by: By, format: str, view: View) -> str:
    """Write the groups: json, or a format for people. BenchError for one that is for other tables only."""
    if format == "json":
        value = {"dataset": table.dataset, "protocol": table.protocol, "by": by, "rows": [asdict(row) for row in rows]}
        return json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_page = FORMATS.get(format).write_page
    if write_page is None:
        raise BenchError(f"--format {format} has no --by: take rich, markdown or json.")
    return write_page(groups_page(table, rows, by), view)


def groups_page(table: Table, rows: Sequence[GroupRow], by: By) -> Page:
    """The groups as a page for people."""

    def text(cell: GroupCell, cases: int) -> str:
        if cell.mean is None:
            return NOTHING
        between = f" ({number(cell.interval.low)} to {number(cell.interval.high)})" if cell.interval else ""
        return f"{number(cell.mean)}{between}" + (f" n={cell.n}" if cell.n != cases else "")

    grid = Grid(
        title=f"By {by}",
        headings=(
            Heading(by, align="left"),
            Heading("method", align="left"),
            Heading("n"),
            *(heading(metric) for metric in table.metrics),
            Heading("AUROC ↑"),
        ),
        rows=tuple(
            tuple(
                TextCell(one)
                for one in (
                    row.group,
                    row.label,
                    str(row.cases),
                    *(text(row.cells[metric.name], row.cases) for metric in table.metrics),
                    NOTHING if row.detection is None else detection_text(row.detection),
                )
            )
            for row in rows
        ),
    )
    footer = [
        "mean over the n cases of a group, with its 95 % bootstrap interval over cases",
        "AUROC: image-level scores (mean of the top 1 % of the map) of the group's patients against those of all "
        "healthy test subjects",
    ]
    return Page(header=header_lines(table), grids=[grid], footer=footer)
