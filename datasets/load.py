"""From a dataset's name to the dataset."""

import difflib
from importlib import import_module
from typing import cast

from bench.errors import BenchError
from datasets.dataset import Dataset
from datasets.settings import DatasetSettings

# name -> (module with a `load(settings) -> Dataset`, one line for `bench datasets`); imported when asked for
LOADERS = {
    "phantom": ("datasets.phantom", "synthetic healthy brains, T1w and T2w, made here: nothing to download"),
    "bids": ("datasets.bids", "your own folder with BIDS names: T1w with or without T2w (--root DIR)"),
    "ixi": ("datasets.ixi", "IXI healthy adults as downloaded and brain-extracted by you (--root DIR)"),
    "cohort": ("datasets.cohort", "the paper's ABCD + HCP-D selection (--root DIR, with a CBCL table)"),
}


def load_dataset(settings: DatasetSettings) -> Dataset:
    """The dataset that `settings.name` names. BenchError for an unknown name or an unusable folder."""
    if settings.name not in LOADERS:
        nearest = difflib.get_close_matches(settings.name, LOADERS, n=1, cutoff=0.0)[0]
        raise BenchError(f"There is no dataset '{settings.name}'; did you mean '{nearest}'? See `bench datasets`.")
    module, _ = LOADERS[settings.name]
    return cast(Dataset, import_module(module).load(settings))


def dataset_names() -> dict[str, str]:
    """Every dataset's name and one line about it, for `bench datasets`."""
    return {name: description for name, (_, description) in LOADERS.items()}
