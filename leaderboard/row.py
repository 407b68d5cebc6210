"""The parts of a table: a row for each method with one config, a cell for each of its metrics."""

from dataclasses import dataclass, field

from leaderboard.costs import CostValue
from leaderboard.statistics import Interval


@dataclass(frozen=True)
class Cell:
    """One metric of one row, over the n cases for which it is defined.

    interval: 95 % bootstrap interval of the mean over cases.
    seed_sd: standard deviation of the seeds' means, when there are several.
    p_value: paired Wilcoxon test against the table's first row, Holm-corrected over the rows.
    """

    mean: float | None = None
    se: float | None = None
    n: int = 0
    interval: Interval | None = None
    seed_sd: float | None = None
    p_value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One method with one config, all its seeds together; or one row that the paper reports.

    label: the method's name, followed by `:key=value,...` where other rows of the method differ.
    n, of: cases scored under every seed, and cases in the dataset.
    run_keys: identities of the runs behind the row, in the order of `seeds`.
    values: metric -> case id -> value, averaged over seeds.
    place: by Borda count over the shown metrics, 1 = first, ties sharing the better place; None if unranked.
    external: maps made by another program, which `url` tells of.
    status: finished, failed, skipped (a method that cannot run here) or reported (by the paper); `error` says why.
    costs: name as in leaderboard.costs -> value, its seeds together.
    place_interval: where the place lies when cases are drawn again (95 % bootstrap).
    """

    method: str
    title: str
    label: str
    n: int
    of: int
    cells: dict[str, Cell]
    values: dict[str, dict[str, float | None]] = field(default_factory=dict, repr=False)
    differences: dict[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    run_keys: tuple[str, ...] = ()
    status: str = "finished"
    error: str | None = None
    failed_cases: dict[str, str] = field(default_factory=dict)
    baseline: bool = False
    external: bool = False
    url: str | None = None
    costs: dict[str, CostValue] = field(default_factory=dict)
    borda: float | None = None
    place: int | None = None
    place_interval: Interval | None = None

    @property
    def complete(self) -> bool:
        """Every case of the dataset was scored, and no run failed."""
        return self.status == "finished" and self.n == self.of
