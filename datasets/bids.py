"""A user's own folder of scans with BIDS or BIDS derivative names."""

from pathlib import Path

from bench.errors import BenchError
from datasets.dataset import Dataset
from datasets.scans.bids_layout import find_subjects
from datasets.scans.dataset import scans_dataset
from datasets.scans.inspection import Folder
from datasets.scans.splits import named_splits
from datasets.settings import DatasetSettings


def load(settings: DatasetSettings) -> Dataset:
    """The dataset `bids`. BenchError for a folder that cannot be used; bad subjects are set aside."""
    if settings.root is None:
        raise BenchError("The dataset bids needs a folder: name it with --root.")
    healthy = bids_folder(settings.train_root) if settings.train_root else None
    return scans_dataset("bids", settings, bids_folder(settings.root), healthy)


def bids_folder(root: Path) -> Folder:
    """The subjects of a folder and their splits."""
    subjects, set_aside = find_subjects(root)
    return Folder(root, subjects, set_aside, named_splits(root))
