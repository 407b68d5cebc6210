"""One table object from finished runs; every output format draws from it.

Rules: one dataset fingerprint and one protocol a table; cases that failed or are missing are counted, never
averaged away; a method that lacks any stands in the table, marked, but neither bold nor ranked.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from bench.results import RunResult
from leaderboard import statistics
from leaderboard.costs import COSTS
from leaderboard.detection import detection_of, detection_text
from leaderboard.frame import rows_frame
from leaderboard.known_metrics import NOT_INSTALLED, to_show
from leaderboard.ranking import ranked
from leaderboard.row import Cell, Row
from leaderboard.selection import NEWEST, Board, BoardChoice, Entry, case_values, choose_board, entries
from leaderboard.sharing import without_folders
from metrics.definitions.standard import METRICS
from metrics.metric import Metric

if TYPE_CHECKING:
    from pandas import DataFrame

UPPER_BOUND = "upper bound: threshold saw the ground truth"
HEALTHY_METRICS = ("false_components",)
HEALTHY_ORACLE = (
    "No test case has a lesion to choose a threshold by, so each took its highest candidate: compare methods under a "
    "protocol such as paper-fpr5."
)


@dataclass(frozen=True)
class Table:
    """Rows in the order of their places; `paper_rows` are reported by the paper, not measured here."""

    dataset: str
    dataset_fingerprint: str
    dataset_description: dict[str, str]
    channels: tuple[str, ...]
    lesions: str | None
    protocol: str
    protocol_hash: str
    oracle: bool
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    paper_rows: tuple[Row, ...] = ()
    paper_source: str | None = None
    notes: tuple[str, ...] = ()

    def to_frame(self) -> "DataFrame":
        """The rows as a pandas frame, then those of the paper: numbers at full precision, missing where unknown.

        Returns:
            One line per method with the columns dataset, dataset_fingerprint, protocol, place, borda, method, label,
            status, n, of; for each metric <name>_mean, _se, _n, _low, _high and _p_value; the costs of
            `leaderboard.costs`; seeds, external, url and error. `leaderboard.row` says what they are.
        """
        board = {
            "dataset": self.dataset,
            "dataset_fingerprint": self.dataset_fingerprint,
            "protocol": self.protocol,
        }
        return rows_frame(board, (*self.rows, *self.paper_rows), self.metrics)


def headline_metrics() -> tuple[str, ...]:
    """Names of the paper's four metrics."""
    return tuple(metric.name for metric in METRICS if metric.headline)


def build_table(
    runs: Sequence[RunResult],
    choice: BoardChoice = NEWEST,
    metrics: Sequence[str] | None = None,
    paper: bool = False,
    seed: int = 0,
) -> Table:
    """Compare the runs of one dataset under one protocol.

    Args:
        runs: Of any datasets and protocols, as `bench.results.load_run` reads them.
        choice: Which board; without it, that of the newest run.
        metrics: Names; by default the headline four or, where no test case has a lesion, false components.
        paper: Add the rows of the paper's Table 1.
        seed: Of the bootstrap.

    Returns:
        The table, its rows in the order of their places.

    Raises:
        BenchError: No run fits, or a metric is unknown.
    """
    board, others = choose_board(runs, choice)
    on_board = [run for run in runs if board.holds(run)]
    healthy = _healthy(on_board)
    stored = {name for run in on_board for case in run.cases for name in case.metrics}
    shown = to_show(metrics or (HEALTHY_METRICS if healthy else headline_metrics()), stored)
    newest = max(on_board, key=lambda run: run.created)
    description = {key: without_folders(value) for key, value in newest.dataset_description.items()}
    rows = ranked([_row(entry, shown, seed) for entry in entries(on_board)], shown, seed)
    paper_rows, source = _paper_rows(shown) if paper else ((), None)
    return Table(
        dataset=board.dataset,
        dataset_fingerprint=board.dataset_fingerprint,
        dataset_description=description,
        channels=tuple(newest.channels),
        lesions=description.get("lesions"),
        protocol=board.protocol,
        protocol_hash=board.protocol_hash,
        oracle=newest.oracle,
        metrics=shown,
        rows=rows,
        paper_rows=paper_rows,
        paper_source=source,
        notes=(
            *([HEALTHY_ORACLE] if healthy and newest.oracle else []),
            *_notes(rows, others),
            *_detection_notes(entries(on_board)),
            *_metric_notes(shown),
        ),
    )


def _healthy(runs: Sequence[RunResult]) -> bool:
    """Whether there are cases, and none of them has a lesion."""
    counts = [case.metrics.get("lesion_components") for run in runs for case in run.cases]
    return bool(counts) and all(count == 0 for count in counts)


def _row(entry: Entry, metrics: Sequence[Metric], seed: int) -> Row:
    scored = [run for run in entry.runs if run.cases]
    statuses = {run.status for run in entry.runs}
    status = next(status for status in ("failed", "skipped", "finished") if status in statuses)
    values = {m.name: case_values(scored, m.name) for m in metrics}
    newest = max(entry.runs, key=lambda run: run.created)
    return Row(
        method=entry.method,
        title=newest.title,
        label=entry.label,
        n=len(set.intersection(*({case.id for case in run.cases} for run in scored))) if scored else 0,
        of=max(run.of for run in entry.runs),
        cells={m.name: _cell(values[m.name], scored, m.name, seed) for m in metrics},
        values=values,
        differences=entry.differences,
        seeds=tuple(run.seed for run in entry.runs),
        run_keys=tuple(run.key for run in entry.runs),
        status=status,
        error="; ".join(_errors(run for run in entry.runs if run.status == status != "finished")) or None,
        failed_cases={case: without_folders(why) for run in entry.runs for case, why in run.failed_cases.items()},
        baseline=newest.baseline,
        external=newest.external,
        url=newest.url,
        costs={column.name: column.of(entry.runs) for column in COSTS},
    )


def _errors(runs: Iterable[RunResult]) -> list[str]:
    """Why runs failed, each with its seed; why they were skipped, each reason once."""
    errors = (
        run.error if run.status == "skipped" else f"seed {run.seed}: {run.error or 'no reason was kept'}"
        for run in runs
    )
    return list(dict.fromkeys(without_folders(error) for error in errors if error))


def _defined(values: dict[str, float | None]) -> statistics.Array:
    return np.array([value for value in values.values() if value is not None], dtype=float)


def _cell(values: dict[str, float | None], runs: Sequence[RunResult], name: str, seed: int) -> Cell:
    defined = _defined(values)
    mean, se = statistics.mean_and_standard_error(defined)
    seed_means = [np.mean(m) for run in runs if len(m := _defined(case_values([run], name)))]
    return Cell(
        mean=mean,
        se=se,
        n=len(defined),
        interval=statistics.bootstrap_interval(defined, seed),
        seed_sd=float(np.std(seed_means, ddof=1)) if len(seed_means) > 1 else None,
    )


def _paper_rows(metrics: Sequence[Metric]) -> tuple[tuple[Row, ...], str | None]:
    """The paper's Table 1, if it reports any of the metrics."""
    paper = json.loads(resources.files("leaderboard").joinpath("paper_table.json").read_text(encoding="utf-8"))
    n = paper["cases"]
    rows = tuple(
        Row(
            method=name,
            title=name,
            label=name,
            n=n,
            of=n,
            status="reported",
            cells={m.name: Cell(reported[m.name][0], reported[m.name][1], n) for m in metrics if m.name in reported},
        )
        for name, reported in paper["rows"].items()
    )
    if not any(row.cells for row in rows):
        return (), None
    return rows, f"{paper['source']} ({paper['dataset']}, {n} cases)"


def _metric_notes(metrics: Sequence[Metric]) -> list[str]:
    return [f"{metric.name} is {metric.description}." for metric in metrics if metric.description == NOT_INSTALLED]


def _detection_notes(found: Sequence[Entry]) -> list[str]:
    """How well each method tells patients from healthy test subjects, where there are both."""
    known = [(one.label, text) for one in found if (text := detection_of([run for run in one.runs if run.cases]))]
    return [
        f"{label}: AUROC of patients against healthy test subjects, by the mean of the top 1 % of the map: "
        f"{detection_text(text)}."
        for label, text in known
    ]


def _notes(rows: Sequence[Row], others: Sequence[Board]) -> list[str]:
    notes = []
    if others:
        there_are = "; ".join(str(board) for board in others)
        notes.append(f"This is the newest table; name a dataset, fingerprint or protocol for the others: {there_are}.")
    for row in rows:
        if row.status == "failed":
            notes.append(f"{row.label} failed ({row.error}), so it is not ranked.")
        elif row.status == "skipped":
            notes.append(f"{row.label} skipped: {row.error or 'no reason was kept'}")
        elif not row.complete:
            reasons = "; ".join(f"{case}: {reason}" for case, reason in list(row.failed_cases.items())[:3])
            why = f" ({reasons})" if reasons else ""
            notes.append(f"{row.label} scored {row.n} of {row.of} cases{why}, so it is not ranked.")
        elif row.place is None:
            notes.append(f"{row.label} has undefined values where others have none, so it is not ranked.")
        if row.external:
            notes.append(f"{row.label}: maps made by another program{f', see {row.url}' if row.url else ''}.")
        if len(row.seeds) > 1:
            notes.append(f"{row.label} is the mean of seeds {', '.join(map(str, row.seeds))}, taken case by case.")
    return notes
