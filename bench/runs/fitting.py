"""Training without scoring: the trained parts of methods, kept in the workspace's store."""

from bench.errors import reason
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.datasets import opened_dataset
from bench.runs.scoring import fitted_detector
from datasets.settings import DatasetSettings


def fit_methods(bench: Bench, choice: Choice, dataset_settings: DatasetSettings) -> dict[str, str]:
    """Fit the chosen methods; `bench.store` then knows the trained parts that they use.

    Args:
        bench: Where to work.
        choice: Which methods, with which settings.
        dataset_settings: What to learn from.

    Returns:
        The reasons of those that failed, by method.

    Raises:
        BenchError: For a choice or a dataset that there is not.
    """
    methods = choice.resolved()
    dataset = opened_dataset(bench, dataset_settings)
    failed = {}
    for method in methods:
        try:
            fitted_detector(
                method.detector, method.config, dataset, bench.store, method.seed, method.device, bench.reporter
            )
        except Exception as error:
            failed[method.name] = reason(error)
    return failed
