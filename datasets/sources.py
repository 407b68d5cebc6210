"""From a dataset's name to its settings, and the settings as text.

To add a dataset, write one module with NAME, DESCRIPTION, Settings and load: in this folder, or in a package of your
own that names it under the entry-point group `bench.datasets`. `bench check-dataset NAME` checks it. A template:
bench/contributing/templates/dataset.py.txt.
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from bench.discovery import Kind
from bench.errors import BenchError
from bench.settings import validated
from datasets.dataset import Dataset
from datasets.settings import SIZE_OF_PRESET, DatasetSettings


class DatasetSource(Protocol):
    """A dataset as a module (or any object) that brings it along.

    Attributes:
        NAME: What `--dataset` takes.
        DESCRIPTION: One line for `bench datasets`.
        Settings: What a user can choose: a subclass of `DatasetSettings`.
    """

    NAME: str
    DESCRIPTION: str
    Settings: type[DatasetSettings]

    def load(self, settings: Any, cache_folder: Path) -> Dataset:
        """The dataset.

        Args:
            settings: An instance of its own `Settings`.
            cache_folder: Where it may keep prepared cases, under names that tell all that shapes them.

        Returns:
            Its three splits as lazy sequences of cases; nothing is read that `len` and fingerprints do not need.

        Raises:
            BenchError: When there is nothing to load, in a sentence that names the field or folder and what to do.
        """


def _sources(found: object) -> list[tuple[str, DatasetSource]]:
    """What a module of this package offers, or an entry point: one dataset, or none in the modules that help."""
    missing = [name for name in ("NAME", "DESCRIPTION", "Settings", "load") if not hasattr(found, name)]
    if missing:
        if inspect.ismodule(found) and found.__name__.startswith("datasets."):
            return []
        raise TypeError(f"{getattr(found, '__name__', found)} is no dataset, it lacks {', '.join(missing)}")
    source = cast(DatasetSource, found)
    return [(source.NAME, source)]


DATASETS = Kind("dataset", "datasets", "bench.datasets", _sources)


def dataset_settings(name: str, given: Mapping[str, object]) -> DatasetSettings:
    """The settings of a dataset with these values, nested ones as mappings.

    BenchError for an unknown name, and for a field or value that it does not take.
    """
    return validated(DATASETS.get(name).Settings, given, f"dataset {name}")


def dataset_names() -> dict[str, str]:
    """Every dataset's name and one line about it, for `bench datasets`."""
    return {name: source.DESCRIPTION for name, source in DATASETS.all().items()}


def source_of(settings: DatasetSettings) -> DatasetSource:
    """The dataset that settings belong to."""
    for source in DATASETS.all().values():
        if type(settings) is source.Settings:
            return source
    raise BenchError(f"{type(settings).__name__} are the settings of no dataset: `bench datasets` lists what there is.")


def settings_as_json(settings: DatasetSettings) -> str:
    """Text from which `settings_from_json` makes the same settings, with the dataset's name."""
    content = {"name": source_of(settings).NAME, **settings.model_dump(mode="json")}
    return json.dumps(content, indent=1) + "\n"


# Settings written before each dataset had its own hold all of these, also those that the dataset never read.
ONCE_SHARED = {"root", "train_root", "table", "preset", "seed", "align", "lesions", "cases", "cache_folder"}


def settings_from_json(text: str) -> DatasetSettings:
    """The inverse of `settings_as_json`; ValueError or BenchError for text that is something else."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("the settings of a dataset are a mapping")
    name = content.pop("name", "labels")  # those of labels were written without a name
    reads = DATASETS.get(name).Settings.model_fields
    if "cohort_size" in reads and "preset" in content:  # as its size was called once
        content.setdefault("cohort_size", SIZE_OF_PRESET.get(content["preset"]))
    return dataset_settings(name, {key: content[key] for key in content if key in reads or key not in ONCE_SHARED})
