"""From a dataset's settings to the dataset."""

from pathlib import Path

from datasets.dataset import Dataset
from datasets.settings import DatasetSettings
from datasets.sources import source_of


def load_dataset(settings: DatasetSettings, cache_folder: Path) -> Dataset:
    """The dataset whose settings these are. BenchError when it cannot be loaded."""
    return source_of(settings).load(settings, cache_folder)
