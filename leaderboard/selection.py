"""Which runs share a table: one dataset fingerprint, one protocol, the newest of each, seeds together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.results import RunResult

ConfigValue = str | int | float | bool | None


@dataclass(frozen=True)
class Board:
    """What all runs of one table share."""

    dataset: str
    dataset_fingerprint: str
    protocol: str
    protocol_hash: str

    def holds(self, run: RunResult) -> bool:
        """Whether the run belongs to this board."""
        return (run.dataset_fingerprint, run.protocol_hash) == (self.dataset_fingerprint, self.protocol_hash)

    def __str__(self) -> str:
        return f"{self.dataset} {self.dataset_fingerprint[:8]} under {self.protocol} ({self.protocol_hash[:8]})"


@dataclass(frozen=True)
class BoardChoice:
    """Which board is wanted; without a choice, that of the newest run.

    Args:
        dataset: Its name.
        fingerprint: The dataset's fingerprint, which may be shortened.
        protocol: "name", "name@version" or the start of its hash.
    """

    dataset: str | None = None
    fingerprint: str | None = None
    protocol: str | None = None

    def fits(self, board: Board) -> bool:
        """Whether the board is one of those wanted."""
        return (
            (self.dataset is None or board.dataset == self.dataset)
            and (self.fingerprint is None or board.dataset_fingerprint.startswith(self.fingerprint))
            and (self.protocol is None or _is_protocol(board, self.protocol))
        )


NEWEST = BoardChoice()


@dataclass(frozen=True)
class Entry:
    """The runs behind one row: one method with one config, a run for every seed.

    differences: the settings, as text, by which this entry differs from most others of its method.
    """

    method: str
    runs: tuple[RunResult, ...]
    differences: dict[str, str]

    @property
    def label(self) -> str:
        """The method's name, followed by `:key=value,...` where most other entries of the method differ."""
        settings = ",".join(f"{key}={value}" for key, value in self.differences.items())
        return f"{self.method}:{settings}" if settings else self.method


def board_of(run: RunResult) -> Board:
    """The table that a run belongs to."""
    return Board(run.dataset, run.dataset_fingerprint, run.protocol, run.protocol_hash)


def choose_board(runs: Sequence[RunResult], choice: BoardChoice = NEWEST) -> tuple[Board, list[Board]]:
    """The board of the newest run that fits, and the other boards that fit, newest first.

    Raises:
        BenchError: No run fits.
    """
    if not runs:
        raise BenchError("There are no finished runs here yet: make one with `bench run`.")
    newest_first = sorted(runs, key=lambda run: run.created, reverse=True)
    boards = list(dict.fromkeys(board_of(run) for run in newest_first))
    fitting = [board for board in boards if choice.fits(board)]
    if not fitting:
        there_are = "; ".join(str(board) for board in boards)
        raise BenchError(f"No run fits that dataset, fingerprint and protocol: choose among {there_are}.")
    return fitting[0], fitting[1:]


def _is_protocol(board: Board, protocol: str) -> bool:
    names = (board.protocol, board.protocol.partition("@")[0])
    return protocol in names or (len(protocol) >= 4 and board.protocol_hash.startswith(protocol))


def entries(runs: Iterable[RunResult]) -> list[Entry]:
    """Group the runs of one board: the newest of each method, config and seed, seeds together."""
    newest: dict[tuple[str, str, int], RunResult] = {}
    for run in sorted(runs, key=lambda run: run.created):
        newest[run.method, _config_text(run), run.seed] = run
    groups: dict[tuple[str, str], list[RunResult]] = {}
    for (method, config, _), run in sorted(newest.items()):
        groups.setdefault((method, config), []).append(run)
    return [
        Entry(
            method,
            tuple(group),
            _differences(group[0], [g[0] for (m, _), g in groups.items() if m == method]),
        )
        for (method, _), group in groups.items()
    ]


def _settings(run: RunResult) -> dict[str, ConfigValue]:
    """What tells two rows of one method apart: its config; for external entries, that and where they come from."""
    return {**run.config, **({"external": True} if run.external else {}), **({"url": run.url} if run.url else {})}


def _config_text(run: RunResult) -> str:
    return repr(sorted(_settings(run).items()))


def entry_identity(run: RunResult) -> str:
    """What is the same for the runs of one method and config under all seeds, protocols and datasets."""
    return f"{run.method} {_config_text(run)}"


def _differences(run: RunResult, siblings: Sequence[RunResult]) -> dict[str, str]:
    """The settings that at most half of the siblings, the run among them, share with it: no two have the same."""
    own = _settings(run)
    keys = sorted({key for sibling in siblings for key in _settings(sibling)})

    def is_rare(key: str) -> bool:
        alike = sum(_settings(one).get(key, _ABSENT) == own.get(key, _ABSENT) for one in siblings)
        return 2 * alike <= len(siblings)

    return {key: _text(own[key]) if key in own else _left_out(key) for key in keys if is_rare(key)}


_ABSENT = object()


def _left_out(key: str) -> str:
    """A config leaves out settings that came later, while they have their default; others hold what is not there."""
    return "none" if key in ("external", "url") else "default"


def _text(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def case_values(runs: Sequence[RunResult], metric: str) -> dict[str, float | None]:
    """Case id -> value, averaged over seeds; only cases that every seed scored.

    None where the metric is undefined, under one seed or more.
    """
    per_seed = [{case.id: case.metrics.get(metric) for case in run.cases} for run in runs]
    common = set.intersection(*(set(values) for values in per_seed)) if per_seed else set()
    result: dict[str, float | None] = {}
    for case_id in sorted(common):
        values = [v for seed in per_seed if (v := seed[case_id]) is not None]
        result[case_id] = sum(values) / len(values) if len(values) == len(per_seed) else None
    return result
