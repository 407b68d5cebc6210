"""A user's own folder of scans with BIDS or BIDS derivative names."""

from dataclasses import replace
from pathlib import Path

from pydantic import Field

from bench.errors import BenchError
from bench.settings import AbsolutePath
from datasets.dataset import Dataset
from datasets.scans.bids_layout import Folder, find_subjects
from datasets.scans.dataset import scans_dataset
from datasets.scans.names import subject_of
from datasets.scans.splits import described_participants, named_splits
from datasets.settings import ScanSettings

NAME = "bids"
DESCRIPTION = "your own folder with BIDS names: T1w, T2w, FLAIR, PDw, any of them (--root DIR)"


class Settings(ScanSettings):
    """A folder, and perhaps one of healthy subjects beside it."""

    train_root: AbsolutePath | None = Field(
        None, description="healthy folder to learn from when root holds only test subjects"
    )


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The dataset `bids`. BenchError for a folder that cannot be used; bad subjects are set aside."""
    if settings.root is None:
        raise BenchError("The dataset bids needs a folder: name it with --root.")
    healthy = bids_folder(settings.train_root, settings.channels) if settings.train_root else None
    return scans_dataset(NAME, settings, cache_folder, bids_folder(settings.root, settings.channels), healthy)


def bids_folder(root: Path, channels: tuple[str, ...] | None = None) -> Folder:
    """The subjects of a folder and their splits; channels: as `find_subjects` takes them."""
    folder = replace(find_subjects(root, channels=channels), participants=described_participants(root))
    named, notes = named_splits(root)
    if named is None:
        return replace(folder, notes=(*folder.notes, *notes))
    known = {files.subject for files in folder.subjects} | {subject_of(one.id) for one in folder.set_aside}
    if absent := sorted(named.by_subject.keys() - known):
        notes.append(f"{named.path} names {len(absent)} subjects that are not in the folder, such as {absent[0]}.")
    return replace(folder, splits=named.by_subject, table=named.path, notes=(*folder.notes, *notes))
