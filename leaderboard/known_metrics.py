"""Metrics by name: ours, those of optional libraries, and other packages' entry points `bench.metrics`."""

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from types import ModuleType

from bench.discovery import Kind
from bench.errors import BenchError
from metrics.definitions.standard import METRICS
from metrics.metric import Metric

NOT_INSTALLED = "measured by a package that is not installed here, so neither its unit nor its direction is known"


def _metrics(found: object) -> list[tuple[str, Metric]]:
    """The metrics that a module holds, alone or in tuples; or those that an entry point names."""
    values = vars(found).values() if isinstance(found, ModuleType) else [found]
    metrics = [
        metric
        for value in values
        for metric in (value if isinstance(value, tuple) else [value])
        if isinstance(metric, Metric)
    ]
    if not metrics:
        raise TypeError(f"{found!r} holds no metrics.metric.Metric")
    return [(metric.name, metric) for metric in metrics]


KNOWN = Kind("metric", package="metrics.definitions", group="bench.metrics", members=_metrics)


def to_measure(names: Sequence[str] = ()) -> tuple[Metric, ...]:
    """What to measure in an evaluation: the metrics of every run, and those asked for.

    Args:
        names: Of further metrics, or "all".

    Raises:
        BenchError: For a name that nobody has, or a metric whose library is not installed.
    """
    asked = KNOWN.all().values() if "all" in names else [KNOWN.get(name) for name in names]
    wanted = tuple(dict.fromkeys((*METRICS, *asked)))
    for metric in wanted:
        if metric.library and find_spec(metric.library) is None:
            raise BenchError(
                f"The metric {metric.name} needs {metric.library}: pip install 'brain-anomaly-bench[metrics]'."
            )
    return wanted


def to_show(names: Sequence[str], stored: Collection[str] = ()) -> tuple[Metric, ...]:
    """The metrics of these names; those that only stored results know are shown without unit and direction.

    Args:
        names: What a table shows.
        stored: Names in the results that it is drawn from.

    Raises:
        BenchError: For a name that neither a metric nor a result has.
    """
    known = KNOWN.all()
    unknown = {name: _unknown(name) for name in stored if name not in known}
    return tuple((known | unknown).get(name) or KNOWN.get(name) for name in names)


def _unknown(name: str) -> Metric:
    """A metric of a package that is not installed here."""
    return Metric(
        name=name,
        title=name,
        unit="",
        direction=None,
        empty_prediction="counted",
        empty_truth="counted",
        description=NOT_INSTALLED,
        value=lambda pair: None,
    )
