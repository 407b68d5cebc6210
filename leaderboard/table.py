"""One table object from finished runs; every output format draws from it.

Rules: one dataset fingerprint and one protocol a table; cases that failed or are missing are counted, never
averaged away; a method that lacks any stands in the table, marked, but neither bold nor ranked.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard import statistics
from leaderboard.ranking import ranked
from leaderboard.row import Cell, Cost, Row
from leaderboard.selection import Board, Entry, case_values, choose_board, entries
from metrics.definitions import METRICS, Metric, metric

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


def headline_metrics() -> tuple[str, ...]:
    """Names of the paper's four metrics."""
    return tuple(metric.name for metric in METRICS if metric.headline)


def build_table(
    runs: Sequence[RunResult],
    dataset_fingerprint: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    paper: bool = False,
    dataset: str | None = None,
    seed: int = 0,
) -> Table:
    """Compare the runs of one dataset and one protocol; without a choice, those of the newest run.

    dataset_fingerprint: may be shortened. protocol: "name" or "name@version". metrics: names; by default the
    headline four or, where no test case has a lesion, false components. paper: add the rows of the paper's Table 1.
    seed: of the bootstrap.
    Raises BenchError when no run fits or a metric is unknown.
    """
    board, others = choose_board(runs, dataset, dataset_fingerprint, protocol)
    on_board = [run for run in runs if board.holds(run)]
    healthy = _healthy(on_board)
    shown = _known_metrics(metrics or (HEALTHY_METRICS if healthy else headline_metrics()))
    newest = max(on_board, key=lambda run: run.created)
    rows = ranked([_row(entry, shown, seed) for entry in entries(on_board)], shown, seed)
    paper_rows, source = _paper_rows(shown) if paper else ((), None)
    return Table(
        dataset=board.dataset,
        dataset_fingerprint=board.dataset_fingerprint,
        dataset_description=newest.dataset_description,
        channels=tuple(newest.channels),
        lesions=newest.dataset_description.get("lesions"),
        protocol=board.protocol,
        protocol_hash=board.protocol_hash,
        oracle=newest.oracle,
        metrics=shown,
        rows=rows,
        paper_rows=paper_rows,
        paper_source=source,
        notes=(*([HEALTHY_ORACLE] if healthy and newest.oracle else []), *_notes(rows, others)),
    )


def _healthy(runs: Sequence[RunResult]) -> bool:
    """Whether there are cases, and none of them has a lesion."""
    counts = [case.metrics.get("lesion_components") for run in runs for case in run.cases]
    return bool(counts) and all(count == 0 for count in counts)


def _known_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    try:
        return tuple(metric(name) for name in names)
    except (KeyError, ValueError) as error:
        known = ", ".join(m.name for m in METRICS)
        raise BenchError(f"--metric takes names among {known}; got {', '.join(names)}.") from error


def _row(entry: Entry, metrics: Sequence[Metric], seed: int) -> Row:
    scored = [run for run in entry.runs if run.cases]
    failed = [run for run in entry.runs if run.status == "failed"]
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
        status="failed" if failed else "finished",
        error="; ".join(f"seed {run.seed}: {run.error or 'no reason was kept'}" for run in failed) or None,
        failed_cases={case: reason for run in entry.runs for case, reason in run.failed_cases.items()},
        baseline=newest.baseline,
        external=newest.external,
        url=newest.url,
        cost=_cost(entry.runs),
    )


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


def _cost(runs: Sequence[RunResult]) -> Cost:
    def known(name: str) -> list[float]:
        return [value for run in runs if (value := getattr(run, name)) is not None]

    def mean(name: str) -> float | None:
        return float(np.mean(known(name))) if known(name) else None

    return Cost(
        fit_s=mean("fit_s"),
        runtime_s_per_case=mean("runtime_s_per_case"),
        network_evaluations_per_case=mean("network_evaluations_per_case"),
        parameters=next((run.parameters for run in runs if run.parameters is not None), None),
        peak_memory_mb=max(known("peak_memory_mb"), default=None),
        device=", ".join(sorted({run.device for run in runs if run.device})) or None,
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


def _notes(rows: Sequence[Row], others: Sequence[Board]) -> list[str]:
    notes = []
    if others:
        there_are = "; ".join(str(board) for board in others)
        notes.append(f"This is the newest table; name a dataset, fingerprint or protocol for the others: {there_are}.")
    for row in rows:
        if row.status == "failed":
            notes.append(f"{row.label} failed ({row.error}), so it is not ranked.")
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
