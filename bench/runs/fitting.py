"""Training without scoring: the trained parts of methods, kept in the workspace's store."""

from dataclasses import dataclass

from bench.component import AnyComponent, Fitted
from bench.errors import Skipped, reason, stops_all
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.datasets import opened_dataset
from bench.runs.scoring import fitted_detector
from bench.together import Compute, Together
from datasets.settings import DatasetSettings


@dataclass(frozen=True)
class Fits:
    """What fitting methods gave: their trained parts, each once; method -> why it failed, or cannot run here."""

    parts: tuple[Fitted[AnyComponent], ...]
    failed: dict[str, str]
    skipped: dict[str, str]


def fit_methods(
    bench: Bench,
    choice: Choice,
    dataset_settings: DatasetSettings,
    compute: Compute | None = None,
    together: Together | None = None,
) -> Fits:
    """Fit the chosen methods, so that the store holds the trained parts that they use.

    Args:
        bench: Where to work.
        choice: Which methods, with which settings.
        dataset_settings: What to learn from.
        compute: How trainings use the device.
        together: The processes that train as one, if this is one of several.

    Returns:
        The trained parts, and why methods have none.

    Raises:
        BenchError: For a choice or a dataset that there is not.
    """
    methods = choice.resolved()
    dataset = opened_dataset(bench.workspace, dataset_settings, bench.reporter)
    parts, failed, skipped = {}, {}, {}
    for method in methods:
        try:
            fitted = fitted_detector(method, dataset, bench.store, bench.reporter, compute, together)
            parts.update({part.component.key: part for part in fitted.parts})
        except Skipped as why_not:
            skipped[method.label] = str(why_not)
        except Exception as error:
            if stops_all(error):
                raise
            failed[method.label] = reason(error)
    return Fits(tuple(parts.values()), failed, skipped)
