"""What a run takes, one line a column: everything that shows costs draws from this list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.results import RunResult

CostValue = float | int | str | None


@dataclass(frozen=True)
class CostColumn:
    """One cost of a row.

    name: field of RunResult, and column of the data formats. label, unit: heading of the printed table.
    over_seeds: makes one value of the known values of all seeds. digits, scale: a number is printed as
    value / scale with so many digits.
    """

    name: str
    label: str
    unit: str
    over_seeds: Callable[[Sequence[Any]], CostValue]
    is_number: bool = True
    digits: int = 0
    scale: float = 1.0

    def of(self, runs: Sequence[RunResult]) -> CostValue:
        """The cost of the runs behind one row, None where no seed knows it."""
        known = [value for run in runs if (value := getattr(run, self.name)) is not None]
        return self.over_seeds(known) if known else None


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _first(values: Sequence[int]) -> int:
    return values[0]


def _listed(values: Sequence[str]) -> str:
    return ", ".join(sorted(set(values)))


COSTS = (
    CostColumn("fit_s", "fit", "s", _mean),
    CostColumn("inherited_fit_s", "of it shipped", "s elsewhere", _mean),
    CostColumn("runtime_s_per_case", "scoring", "s per case", _mean, digits=2),
    CostColumn("network_evaluations_per_case", "network", "passes per case", _mean),
    CostColumn("parameters", "parameters", "million", _first, digits=2, scale=1e6),
    CostColumn("peak_memory_mb", "memory", "MB at peak", max),
    CostColumn("device", "device", "", _listed, is_number=False),
)
