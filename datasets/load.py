"""From a dataset's settings to the dataset."""

from pathlib import Path

from datasets.dataset import Dataset
from datasets.harmonise import harmonised_dataset
from datasets.settings import DatasetSettings, LesionedSettings
from datasets.shift import parsed_shift, shifted_dataset
from datasets.sources import source_of


def load_dataset(settings: DatasetSettings, cache_folder: Path) -> Dataset:
    """The dataset whose settings these are. BenchError when it cannot be loaded."""
    dataset = source_of(settings).load(settings, cache_folder)
    if not isinstance(settings, LesionedSettings):
        return dataset
    if settings.shift:
        dataset = shifted_dataset(dataset, parsed_shift(settings.shift), settings.seed)
    return harmonised_dataset(dataset) if settings.harmonise else dataset
