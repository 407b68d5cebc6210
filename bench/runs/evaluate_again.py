"""The maps of earlier runs under another protocol, without scoring again."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.results import RunResult
from bench.runs.bench import Bench
from bench.runs.datasets import reopened_dataset
from bench.runs.evaluation import evaluate_and_track
from bench.runs.run_folder import RunFolder
from bench.runs.workspace import DatasetLayout
from metrics.protocol import Protocol


@dataclass(frozen=True)
class Which:
    """Which runs of a workspace.

    Args:
        methods: Names; all when empty.
        dataset: The name of their dataset; any if None.
        fingerprint: The beginning of its fingerprint.
    """

    methods: tuple[str, ...] = ()
    dataset: str | None = None
    fingerprint: str = ""

    def holds(self, place: DatasetLayout, run: Path) -> bool:
        """Whether the run of that folder is among them; names and keys are read off the folders' names."""
        of_dataset = place.is_of(self.dataset or place.path.name[:-9], self.fingerprint)
        return of_dataset and (not self.methods or run.name[:-9] in self.methods)


ALL = Which()


@dataclass(frozen=True)
class Again:
    """results: one for each run. left_out: why a dataset, or a run, could not be evaluated."""

    results: tuple[RunResult, ...]
    left_out: tuple[str, ...]


def evaluate_again(bench: Bench, protocol: Protocol, which: Which = ALL) -> Again:
    """Evaluate the maps of the workspace's runs under a protocol.

    Args:
        bench: Where to work.
        protocol: How maps become numbers.
        which: Of the workspace's runs.

    Returns:
        The results, and what was left out: a dataset that is no longer the one that was run, a damaged record.

    Raises:
        BenchError: When there is nothing to evaluate.
    """
    results: list[RunResult] = []
    left_out: list[str] = []
    for place in bench.workspace.all_datasets():
        runs = [path for path in place.all_runs() if which.holds(place, path)]
        if not runs:
            continue
        try:
            dataset = reopened_dataset(bench.workspace, place)
        except BenchError as problem:
            left_out.append(str(problem))
            continue
        for path in runs:
            try:
                folder = RunFolder.load(path)
            except BenchError as problem:
                left_out.append(str(problem))
            else:
                results.append(evaluate_and_track(bench, folder, dataset, protocol))
    if not results and left_out:
        raise BenchError(left_out[0])
    if not results:
        chosen = " that were chosen" if which != ALL else ""
        raise BenchError(f"{bench.workspace} holds no runs{chosen}: `bench run` first.")
    return Again(tuple(results), tuple(left_out))
