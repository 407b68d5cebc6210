"""A report of finished runs: their results, and what maps, data and trained parts of theirs are at hand."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import BenchError
from bench.machine.version import commit, version
from bench.reporting import Reporter
from bench.results import RunResult
from bench.runs.datasets import reopened_dataset
from bench.runs.froc import froc_curves
from bench.runs.method_facts import method_views
from bench.runs.run_folder import load_map
from bench.runs.workspace import RunLayout, Workspace
from datasets.dataset import Dataset
from leaderboard.figures.lesion_volume import sensitivities
from leaderboard.figures.maps import map_folders
from leaderboard.ranking import place_draws
from leaderboard.report.content import CaseView, DatasetView, Entry, LesionsFound, ProtocolView, Report
from leaderboard.report.volumes import volumes
from leaderboard.row import Row
from leaderboard.selection import Board, BoardChoice, board_of, entry_identity
from leaderboard.table import Table, build_table
from metrics.protocol import Protocol, protocol

NO_IMAGES = "Cases cannot be shown: this report was made without them; `bench report` shows them."


@dataclass(frozen=True)
class Sources:
    """What a report is drawn from.

    Args:
        workspace: Where maps, data and trained parts are looked for.
        runs: run.json -> the run.
        reporter: Where progress goes.
        metrics: What the boards show; the headline four if None.
        most_cases: Pages of cases for each dataset, at most; None for all.
        images: Open datasets, for pages of cases and the free-response ROC.
    """

    workspace: Workspace
    runs: Mapping[Path, RunResult]
    reporter: Reporter
    metrics: Sequence[str] | None = None
    most_cases: int | None = None
    images: bool = True
    _by_key: dict[str, RunResult] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key", {run.key: run for run in self.runs.values()})

    def run_of(self, row: Row) -> RunResult:
        """The first run behind a row."""
        return self._by_key[row.run_keys[0]]


def make_report(sources: Sources, choice: BoardChoice) -> Report:
    """Gather a report of the boards that fit a choice.

    Raises:
        BenchError: No run fits.
    """
    boards = fitting_boards(list(sources.runs.values()), choice)
    by_dataset: dict[tuple[str, str], list[Board]] = {}
    for board in boards:
        by_dataset.setdefault((board.dataset, board.dataset_fingerprint), []).append(board)
    with sources.reporter.task("gathering boards", len(by_dataset)) as tick:
        datasets = []
        for own in by_dataset.values():
            datasets.append(_dataset_view(sources, own))
            tick(note=datasets[-1].title)
    made = f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by bench {version()} ({(commit() or 'commit unknown')[:8]})"
    return Report(datasets, method_views(sources.workspace, sources.run_of, datasets), made)


def fitting_boards(runs: Sequence[RunResult], choice: BoardChoice) -> list[Board]:
    """The boards that fit, that of the newest run first. BenchError when there is none."""
    from leaderboard.selection import choose_board

    first, others = choose_board(runs, choice)
    return [first, *others]


def _dataset_view(sources: Sources, boards: Sequence[Board]) -> DatasetView:
    runs = list(sources.runs.values())
    tables = [
        build_table(
            [run for run in runs if board_of(run) == board],
            BoardChoice(board.dataset, board.dataset_fingerprint, board.protocol_hash),
            sources.metrics,
        )
        for board in boards
    ]
    tables.sort(key=lambda table: (not table.oracle, table.protocol))
    entries = _entries(sources, tables)
    dataset, problem = _reopened(sources.workspace, tables[0]) if sources.images else (None, NO_IMAGES)
    views = [_protocol_view(sources, table, entries, dataset, problem) for table in tables]
    cases, note = _case_views(sources, views, entries, dataset) if dataset else ([], problem)
    return DatasetView(tables[0].dataset, tables[0].dataset_fingerprint, views, entries, cases, note)


def _entries(sources: Sources, tables: Sequence[Table]) -> list[Entry]:
    """Rows of all tables that are of one method and config, in the order of the first table that has them."""
    rows: dict[str, dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault(entry_identity(sources.run_of(row)), {})[table.protocol] = row
    return [Entry(one, max((row.label for row in own.values()), key=len), own) for one, own in rows.items()]


def _reopened(workspace: Workspace, table: Table) -> tuple[Dataset | None, str]:
    """The dataset, or None and why it is not there."""
    place = workspace.dataset(table.dataset, table.dataset_fingerprint)
    if not place.settings_file.exists():
        return None, "Cases cannot be shown: their images and maps are not in this workspace."
    try:
        return reopened_dataset(workspace, place), ""
    except BenchError as error:
        return None, f"Cases cannot be shown: {error}"


def known_protocol(table: Table) -> Protocol | None:
    """The protocol of a table as this version has it; None where it is another one by now."""
    with suppress(ValueError):
        found = protocol(table.protocol.partition("@")[0])
        return found if found.hash == table.protocol_hash else None
    return None


def _folders(sources: Sources, table: Table) -> dict[str, Path]:
    return map_folders([path for path in sources.runs if RunLayout(path.parents[2]).record_file.exists()], table)


def _protocol_view(
    sources: Sources, table: Table, entries: Sequence[Entry], dataset: Dataset | None, problem: str
) -> ProtocolView:
    ranked = [row for row in table.rows if row.place is not None]
    froc, note = {}, problem.replace("Cases cannot be shown", "There is no free-response ROC")
    chosen = known_protocol(table)
    if dataset and chosen:
        try:
            folders = _folders(sources, table)
            froc = froc_curves(dataset, folders, chosen, sources.reporter)
            froc = {label: one for label, one in froc.items() if one.lesions.any()}
        except BenchError as error:
            note = f"There is no free-response ROC: {error}"
    bins = {}
    with suppress(BenchError):  # no lesions: the table says so
        board = BoardChoice(table.dataset, table.dataset_fingerprint, table.protocol_hash)
        bins = sensitivities(list(sources.runs.values()), board)
    return ProtocolView(
        table,
        place_draws(ranked, table.metrics) if len(ranked) > 1 else None,
        froc,
        note,
        bins,
        _lesions(sources, table, entries),
    )


def _lesions(sources: Sources, table: Table, entries: Sequence[Entry]) -> dict[str, LesionsFound]:
    """Case id -> its lesions, by the first seed of each entry."""
    found: dict[str, LesionsFound] = {}
    by_entry = [(entry.label, entry.rows[table.protocol]) for entry in entries if table.protocol in entry.rows]
    per_case: dict[str, dict[str, list[tuple[float, bool]]]] = {}
    for label, row in by_entry:
        for case in sources.run_of(row).cases:
            if case.lesions:
                per_case.setdefault(case.id, {})[label] = sorted(case.lesions, key=lambda one: -one[0])
    for case_id, own in per_case.items():
        volumes_ml = [volume for volume, _ in next(iter(own.values()))]
        hits = {label: [hit for _, hit in lesions] for label, lesions in own.items() if len(lesions) == len(volumes_ml)}
        found[case_id] = LesionsFound(volumes_ml, hits)
    return found


def _case_views(
    sources: Sources, views: Sequence[ProtocolView], entries: Sequence[Entry], dataset: Dataset
) -> tuple[list[CaseView], str]:
    if not dataset.channels:
        return [], "Cases cannot be shown: this is a dataset of labels, without images."
    folders: dict[str, Path] = {}
    for view in views:
        by_row = _folders(sources, view.table)
        for entry in entries:
            row = entry.rows.get(view.table.protocol)
            if row and row.label in by_row:
                folders.setdefault(entry.label, by_row[row.label])
    protocols = [one for view in views if (one := known_protocol(view.table))]
    ids = [i for i in dataset.test_ids if any(RunLayout(path).prepared_path(i).exists() for path in folders.values())]
    shown = ids[: sources.most_cases]
    cases = []
    with sources.reporter.task("packing maps of cases", len(shown)) as tick:
        for case_id in shown:
            cases.append(_case_view(sources, views, entries, dataset, case_id, folders, protocols))
            tick(note=case_id)
    left = len(dataset.test_ids) - len(shown)
    return cases, f"{left} of {len(dataset.test_ids)} cases are left out here." if left else ""


def _case_view(
    sources: Sources,
    views: Sequence[ProtocolView],
    entries: Sequence[Entry],
    dataset: Dataset,
    case_id: str,
    folders: Mapping[str, Path],
    protocols: Sequence[Protocol],
) -> CaseView:
    case = dataset.test[dataset.test_ids.index(case_id)]
    paths = {label: RunLayout(folder).prepared_path(case_id) for label, folder in folders.items()}
    maps = {label: load_map(path) for label, path in paths.items() if path.exists()}
    thresholds: dict[str, dict[str, float]] = {label: {} for label in maps}
    known = {f"{one.name}@{one.version}" for one in protocols}
    for entry in entries:
        for name, row in entry.rows.items():
            if entry.label in maps and name in known:
                for found in sources.run_of(row).cases:
                    if found.id == case_id and found.threshold is not None:
                        thresholds[entry.label][name] = found.threshold
    fitting = {label: one for label, one in maps.items() if one.shape == case.brain_mask.shape}
    return CaseView(case_id, volumes(case, fitting, thresholds, protocols) if fitting else None)
