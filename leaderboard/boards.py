"""The boards that runs make: what tells them apart, and which of them differ only in what one chooses."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bench.errors import BenchError
from bench.results import RunResult
from leaderboard.grid import Grid, Heading, TextCell
from leaderboard.selection import NEWEST, Board, BoardChoice, board_of, choose_board, entries

Axis = Literal["dataset", "lesion-set", "protocol"]
AXES: tuple[Axis, ...] = get_args(Axis)
LESION_SET = re.compile(r"\bset ([\w-]+)")


@dataclass(frozen=True)
class BoardFacts:
    """A board, and what is known of it.

    lesion_set: such as "paper"; empty where no set put lesions in. data: whatever else describes the dataset.
    methods, runs: how many rows and how many results it has. cases: test cases of the dataset. newest: UTC, ISO 8601.
    """

    board: Board
    lesion_set: str
    data: tuple[tuple[str, str], ...]
    oracle: bool
    methods: int
    runs: int
    cases: int
    newest: str

    def value(self, axis: Axis) -> str:
        """Where the board stands on an axis."""
        return {"dataset": self.board.dataset, "lesion-set": self.lesion_set, "protocol": self.board.protocol}[axis]


def lesion_set(description: dict[str, str]) -> str:
    """The set of simulated lesions that a dataset's description names, such as "paper"; empty where it names none."""
    found = LESION_SET.search(description.get("lesions", ""))
    return found[1] if found else ""


def all_boards(runs: Sequence[RunResult], choice: BoardChoice = NEWEST) -> list[BoardFacts]:
    """The boards that fit a choice, that of the newest run first. BenchError when there is none."""
    first, others = choose_board(runs, choice)
    return [_facts(board, [run for run in runs if board_of(run) == board]) for board in (first, *others)]


def _facts(board: Board, runs: Sequence[RunResult]) -> BoardFacts:
    newest = max(runs, key=lambda run: run.created)
    description = newest.dataset_description
    rest = {key: value for key, value in description.items() if key != "lesions"}
    rows = entries(runs)
    return BoardFacts(
        board,
        lesion_set(description),
        tuple(sorted(rest.items())),
        newest.oracle,
        len(rows),
        sum(len(row.runs) for row in rows),
        max(run.of for run in runs),
        newest.created,
    )


def boards_over(runs: Sequence[RunResult], axes: Collection[Axis], choice: BoardChoice = NEWEST) -> list[BoardFacts]:
    """The boards that differ from the newest one that fits in nothing but some axes, in the order of these.

    Args:
        runs: Of any datasets and protocols.
        axes: What may differ. With "dataset" the scans themselves may.
        choice: What all must fit.

    Raises:
        BenchError: No run fits, or there is one board only.
    """
    found = all_boards(runs, choice)
    base = found[0]
    fixed = [axis for axis in AXES if axis not in axes]
    kept = [
        one
        for one in found
        if all(one.value(axis) == base.value(axis) for axis in fixed) and ("dataset" in axes or one.data == base.data)
    ]
    if len(kept) < 2:
        raise BenchError(
            f"No other board differs from {base.board} in {' or '.join(axes)} alone: `bench boards` lists them all."
        )
    return in_order(kept)


def in_order(boards: Sequence[BoardFacts]) -> list[BoardFacts]:
    """Boards of one dataset together, then of one lesion set, those that saw the ground truth first."""
    return sorted(boards, key=_order)


def _order(facts: BoardFacts) -> tuple[str, str, str, bool, str]:
    return (
        facts.board.dataset,
        facts.lesion_set,
        facts.board.dataset_fingerprint,
        not facts.oracle,
        facts.board.protocol,
    )


def boards_grid(boards: Sequence[BoardFacts]) -> Grid:
    """What `bench boards` prints."""
    headings = ("dataset", "fingerprint", "lesion set", "protocol")
    counts = ("methods", "runs", "cases")
    return Grid(
        title="Boards",
        headings=(
            *(Heading(title, align="left") for title in headings),
            *(Heading(title) for title in counts),
            Heading("newest run", "UTC"),
        ),
        rows=tuple(
            tuple(
                TextCell(text)
                for text in (
                    one.board.dataset,
                    one.board.dataset_fingerprint[:8],
                    one.lesion_set or "–",
                    one.board.protocol,
                    str(one.methods),
                    str(one.runs),
                    str(one.cases),
                    one.newest[:16].replace("T", " "),
                )
            )
            for one in boards
        ),
    )
