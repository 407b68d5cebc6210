"""The maps of earlier runs under another protocol, without scoring again."""

from bench.errors import BenchError
from bench.results import RunResult
from bench.runs.bench import Bench
from bench.runs.datasets import reopened_dataset
from bench.runs.evaluation import evaluate_and_track
from bench.runs.run_folder import RunFolder
from metrics.protocol import Protocol


def evaluate_again(bench: Bench, protocol: Protocol, chosen: tuple[str, ...] = ()) -> list[RunResult]:
    """Evaluate the maps of the workspace's runs under a protocol.

    Args:
        bench: Where to work.
        protocol: How maps become numbers.
        chosen: Names of methods; all when empty.

    Returns:
        One result for each run.

    Raises:
        BenchError: When there is nothing to evaluate, or a dataset is no longer the one that was run.
    """
    results = []
    for place in bench.workspace.all_datasets():
        folders = [RunFolder.load(path) for path in place.all_runs()]
        folders = [one for one in folders if not chosen or one.record.method in chosen]
        if not folders:
            continue
        dataset = reopened_dataset(bench.workspace, place)
        results += [evaluate_and_track(bench, folder, dataset, protocol) for folder in folders]
    if not results:
        raise BenchError(f"{bench.workspace} holds no runs{' of these methods' if chosen else ''}: `bench run` first.")
    return results
