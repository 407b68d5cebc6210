"""Finished runs of a workspace: read, and as pandas frames."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.results import RunResult, load_run
from bench.runs.workspace import Workspace

if TYPE_CHECKING:
    from pandas import DataFrame


def finished_runs(workspace: Workspace, left_out: Callable[[str], None]) -> dict[Path, RunResult]:
    """run.json -> the run. left_out: is told of each that cannot be read."""
    runs = {}
    for path in workspace.run_files():
        try:
            runs[path] = load_run(path)
        except BenchError as problem:
            left_out(f"left out: {problem}")
    return runs


def load_board(
    workspace: Path | str | None = None,
    dataset: str | None = None,
    fingerprint: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
) -> "DataFrame":
    """The leaderboard as a pandas frame, a line for each method, numbers at full precision.

    Args:
        workspace: Folder of finished runs; $BENCH_WORKSPACE or .bench if None, as in the commands.
        dataset: A dataset's name; that of the newest run if None.
        fingerprint: Start of a dataset's fingerprint.
        protocol: A protocol's name.
        metrics: Names, as `bench metrics` lists them; the headline four if None.

    Returns:
        The columns of `leaderboard.table.Table.to_frame`. `frame.attrs["notes"]` says what the board leaves out.

    Raises:
        BenchError: No run fits, or a metric is unknown.
    """
    from leaderboard.selection import BoardChoice
    from leaderboard.table import build_table

    runs = list(_runs(workspace).values())
    table = build_table(runs, BoardChoice(dataset, fingerprint, protocol), metrics)
    frame = table.to_frame()
    frame.attrs["notes"] = list(table.notes)
    return frame


def load_results(workspace: Path | str | None = None) -> "DataFrame":
    """Every measured value of every run in long format, a line for each case and metric.

    Args:
        workspace: As of `load_board`.

    Returns:
        The columns of `leaderboard.frame.results_frame`: dataset, dataset_fingerprint, protocol, method, seed, case,
        metric, value.
    """
    from leaderboard.frame import results_frame

    return results_frame(_runs(workspace).values())


def _runs(workspace: Path | str | None) -> dict[Path, RunResult]:
    place = Workspace(Path(workspace or os.environ.get("BENCH_WORKSPACE", ".bench")))
    return finished_runs(place, lambda sentence: warnings.warn(sentence, stacklevel=4))
