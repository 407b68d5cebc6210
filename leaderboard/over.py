"""One table over many boards: methods as rows, boards as columns, and how a method's place holds over them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard.boards import AXES, Axis, BoardFacts, all_boards, boards_over, in_order
from leaderboard.ranking import place_draws, ranked
from leaderboard.row import Row
from leaderboard.selection import NEWEST, BoardChoice, board_of, entry_identity
from leaderboard.statistics import Interval
from leaderboard.table import Table, build_table
from metrics.metric import Metric

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class OverRow:
    """One method with one config on all boards.

    label: its longest name among the boards. rows: its row on each board, None where it was not run.
    places: its place on each board among the methods that are ranked on all of them, and nobody else; None unless it
    is one of these. mean_place: their mean, which tells how robust a method is; interval: of that mean, when cases are
    drawn again (95 % bootstrap, the same draws on boards of the same number of cases); worst: the largest of them.
    """

    method: str
    label: str
    baseline: bool
    rows: tuple[Row | None, ...]
    places: tuple[int, ...] | None = None
    mean_place: float | None = None
    interval: Interval | None = None

    @property
    def worst(self) -> int | None:
        """The largest of its places."""
        return max(self.places) if self.places else None


@dataclass(frozen=True)
class ManyBoards:
    """Boards and rows, the most robust method first. axes: what the boards differ in, for their headings."""

    boards: tuple[BoardFacts, ...]
    tables: tuple[Table, ...]
    rows: tuple[OverRow, ...]
    axes: tuple[Axis, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What any of the boards shows, each once."""
        return tuple({metric.name: metric for table in self.tables for metric in table.metrics}.values())

    def titles(self) -> list[tuple[str, ...]]:
        """What tells each board from the others, one word or more."""
        words = [tuple(one.value(axis) for axis in self.axes if one.value(axis)) for one in self.boards]
        return [
            own if words.count(own) == 1 else (*own, one.board.dataset_fingerprint[:8])
            for own, one in zip(words, self.boards, strict=True)
        ]

    def to_frame(self) -> "DataFrame":
        """Rows of all boards as a pandas frame: the columns of `Table.to_frame`, then mean_place and worst_place."""
        import pandas

        frames = []
        for index, (facts, table) in enumerate(zip(self.boards, self.tables, strict=True)):
            frame = table.to_frame()
            frame.insert(2, "lesion_set", facts.lesion_set)
            over = {row.rows[index].label: row for row in self.rows if row.rows[index]}  # type: ignore[union-attr]
            frame["mean_place"] = [over[label].mean_place for label in frame["label"]]
            frame["worst_place"] = pandas.array([over[label].worst for label in frame["label"]], dtype="Int64")
            frames.append(frame.astype(object))
        return pandas.concat(frames, ignore_index=True).infer_objects()


def build_over(
    runs: Sequence[RunResult],
    axes: Collection[Axis] | None,
    choice: BoardChoice = NEWEST,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
) -> ManyBoards:
    """Put boards beside each other.

    Args:
        runs: Of any datasets and protocols.
        axes: Boards that differ from the newest one in these alone; None for all boards that fit the choice.
        choice: What all boards must fit.
        metrics: Names; the headline metrics of each board if None.
        seed: Of the bootstrap.

    Raises:
        BenchError: No run fits, a metric is unknown, or there is one board only.
    """
    boards = boards_over(runs, axes, choice) if axes is not None else in_order(all_boards(runs, choice))
    if len(boards) < 2:
        raise BenchError(f"{boards[0].board} is the only board here: leave --all out.")
    own = [[run for run in runs if board_of(run) == one.board] for one in boards]
    tables = [build_table(group, metrics=metrics, seed=seed) for group in own]
    by_key = {(run.key, board_of(run)): run for run in runs}
    found: dict[str, list[Row | None]] = {}
    for index, (one, table) in enumerate(zip(boards, tables, strict=True)):
        for row in table.rows:
            identity = entry_identity(by_key[row.run_keys[0], one.board])
            found.setdefault(identity, [None] * len(boards))[index] = row
    varying = [axis for axis in AXES if len({one.value(axis) for one in boards}) > 1]
    rows = _with_places(list(found.values()), tables, seed)
    return ManyBoards(tuple(boards), tuple(tables), tuple(rows), tuple(varying))


def _with_places(found: Sequence[Sequence[Row | None]], tables: Sequence[Table], seed: int) -> list[OverRow]:
    """The rows with their places among those that all boards rank, in the order of the mean."""
    common = [i for i, rows in enumerate(found) if all(row is not None and row.place is not None for row in rows)]
    places, draws = [], []
    for index, table in enumerate(tables):
        rows = [row for i in common if (row := found[i][index]) is not None]
        again = {row.label: row.place for row in ranked(rows, table.metrics, seed)}
        places.append([again[row.label] for row in rows])
        draws.append(place_draws(rows, table.metrics, seed) if rows else np.empty((0, 0)))
    means = np.mean(np.array(places, dtype=float), axis=0) if common else []
    lengths = {len(one) for one in draws}
    mean_draws = np.mean(draws, axis=0) if len(lengths) == 1 and lengths != {0} else None
    result = [_over_row(rows) for rows in found]
    for position, i in enumerate(common):
        interval = None
        if mean_draws is not None:
            low, high = np.quantile(mean_draws[:, position], (0.025, 0.975), method="closest_observation")
            interval = Interval(float(low), float(high))
        own = tuple(int(column[position] or 0) for column in places)
        result[i] = _over_row(found[i], own, float(means[position]), interval)
    return sorted(result, key=_order)


def _over_row(
    rows: Sequence[Row | None],
    places: tuple[int, ...] | None = None,
    mean_place: float | None = None,
    interval: Interval | None = None,
) -> OverRow:
    there = [row for row in rows if row is not None]
    label = max((row.label for row in there), key=len)
    return OverRow(there[0].method, label, there[0].baseline, tuple(rows), places, mean_place, interval)


def _order(row: OverRow) -> tuple[float, int, str]:
    """Robust ones first, then those on most boards."""
    mean = float("inf") if row.mean_place is None else row.mean_place
    return mean, -sum(one is not None and one.place is not None for one in row.rows), row.label
