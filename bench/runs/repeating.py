"""The file that repeats a run: `bench run --config FILE`."""

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from bench.machine.version import version
from bench.runs.choice import ChosenMethod
from datasets.option_names import option_of
from datasets.settings import DatasetSettings
from datasets.sources import source_of
from metrics.definitions.standard import METRICS
from metrics.metric import Metric
from metrics.protocol import Protocol


def config_text(
    method: ChosenMethod, dataset: DatasetSettings, protocol: Protocol, metrics: Sequence[Metric] = METRICS
) -> str:
    """YAML of all options that the run's folder and results depend on, and of every setting of its method.

    The device is left out, so that another machine takes its own.
    """
    options: dict[str, Any] = {
        "method": method.name,
        "preset": method.preset,
        "seed": method.seed,
        "protocol": protocol.name,
        "metric": [metric.name for metric in metrics if metric not in METRICS],
        **_dataset_options(dataset),
        method.name: plain(method.config),
    }
    text = yaml.safe_dump({key: value for key, value in options.items() if value != []}, sort_keys=False)
    return f"# `bench run --config` with this file repeats the run; made by bench {version()}.\n{text}"


def _dataset_options(settings: DatasetSettings) -> dict[str, Any]:
    """Option -> value of what differs from a default or has one that other options shift; the others under `data`."""
    found: dict[str, Any] = {"dataset": source_of(settings).NAME}
    others = []
    defaults = _flat(plain(type(settings).model_construct()))
    for field, value in _flat(plain(settings)).items():
        if value == defaults.get(field) and field != "cohort_size":  # which goes with the preset
            continue
        option = option_of(field)
        if option:
            found[option] = value
        else:
            others.append(f"{field}={','.join(map(str, value)) if isinstance(value, list) else value}")
    return found | {"data": others}


def plain(value: Any) -> Any:
    """Settings as YAML has them, with every field, also those that their model leaves out while they are default."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name, None)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
