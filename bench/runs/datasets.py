"""Datasets as a workspace knows them: opened, remembered beside their runs, opened again, looked up by name."""

import json
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.files import write_text
from bench.reporting import Reporter
from bench.runs.workspace import DatasetLayout, Workspace
from datasets import labels
from datasets.dataset import Dataset
from datasets.load import load_dataset
from datasets.settings import DatasetSettings
from datasets.sources import settings_as_json, settings_from_json


def opened_dataset(workspace: Workspace, settings: DatasetSettings, reporter: Reporter) -> Dataset:
    """Load a dataset to learn from, and say what was set aside and who is aligned.

    BenchError when it cannot be loaded, or has test cases only.
    """
    dataset = load_dataset(settings, workspace.datasets)
    if not len(dataset.train):
        raise BenchError(f"The dataset {dataset.name} has no healthy cases to learn from: choose another --dataset.")
    for note in dataset.notes:
        reporter.say(note)
    for subject in dataset.set_aside:
        reporter.say(f"{subject.id} is set aside: {subject.reason}")
    if "aligned" in dataset.description:
        reporter.say(f"Aligned: {dataset.description['aligned']}.")
    return dataset


def labelled_dataset(workspace: Workspace, lesion_masks: Path, brain_masks: Path | None) -> Dataset:
    """The dataset of a folder of lesion masks, remembered. BenchError when it cannot be used."""
    settings = labels.Settings(labels=lesion_masks, brain_masks=brain_masks)
    dataset = load_dataset(settings, workspace.datasets)
    remember_dataset(workspace, dataset, settings)
    return dataset


def remember_dataset(workspace: Workspace, dataset: Dataset, settings: DatasetSettings) -> None:
    """Keep the settings beside the runs, so that other commands can open the dataset again."""
    place = workspace.dataset(dataset.name, dataset.fingerprint)
    write_text(place.settings_file, settings_as_json(settings))


def reopened_dataset(workspace: Workspace, place: DatasetLayout) -> Dataset:
    """The dataset that the runs in a folder were made on; BenchError when it is no longer the same."""
    path = next((path for path in (place.settings_file, place.labels_file) if path.exists()), place.settings_file)
    try:
        settings = settings_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read: remove its folder and run again.") from error
    dataset = load_dataset(settings, workspace.datasets)
    if workspace.dataset(dataset.name, dataset.fingerprint) != place:
        raise BenchError(f"The data behind {place.path} has changed: run again on it as it is now.")
    return dataset


def shows_people(place: DatasetLayout) -> bool:
    """Whether the cases of a dataset may be scans of people: all but those that bench makes, without any folder."""
    try:
        settings = json.loads(place.settings_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return any(isinstance(value, str) and "/" in value for value in _values(settings))


def _values(settings: object) -> Iterator[object]:
    """What stands in nested settings."""
    if isinstance(settings, dict):
        for value in settings.values():
            yield from _values(value)
    else:
        yield settings


def known_dataset(workspace: Workspace, name: str, fingerprint: str | None = None) -> Dataset:
    """The dataset of that name that was last run or exported in this workspace.

    fingerprint: its beginning, where there are several. BenchError when there is none.
    """
    fitting = [
        place
        for place in workspace.all_datasets()
        if place.settings_file.exists() and place.is_of(name, fingerprint or "")
    ]
    if not fitting:
        raise BenchError(
            f"{workspace} knows no dataset {name} {fingerprint or ''}".rstrip()
            + ": `bench export` or `bench run` with that --dataset makes it known."
        )
    return reopened_dataset(workspace, max(fitting, key=lambda place: place.settings_file.stat().st_mtime))
