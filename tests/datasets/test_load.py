"""Datasets by name, their settings, and the files that keep these."""

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import discovery
from bench.errors import BenchError
from datasets import bids, labels, phantom
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from datasets.settings import DatasetSettings
from datasets.sources import DATASETS, dataset_names, dataset_settings, settings_as_json, settings_from_json

WRITTEN_BEFORE = """{"name": "bids", "root": "/scans", "train_root": null, "table": null, "preset": "cpu", "seed": 2,
 "align": "none", "lesions": {"set": "soft", "lesion_load_ml": 20.0, "enhancement": 1.5, "atlas": null,
 "soft_fwhm_mm": null}, "cases": 3, "cache_folder": "/elsewhere/datasets"}"""


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("phantoms", {}, "There is no dataset 'phantoms', did you mean 'phantom'?"),
        ("phantom", {"sed": 1}, "dataset phantom: there is no setting 'sed', did you mean 'seed'?"),
        ("phantom", {"cohort_size": "big"}, "dataset phantom: cohort_size = 'big' is wrong"),
        ("bids", {"lesions": {"set": "papr"}}, "lesions.set = 'papr' is wrong, it should be one of paper, plain, soft"),
        ("labels", {}, "dataset labels: the setting 'labels' is missing (folder of lesion masks)."),
    ],
)
def test_mistakes_are_sentences(name, given, sentence):
    with pytest.raises(BenchError) as caught:
        dataset_settings(name, given)
    assert sentence in str(caught.value)


def test_every_dataset_has_a_line():
    assert {"phantom", "bids", "ixi", "cohort", "labels"} == dataset_names().keys()
    assert all(dataset_names().values())


def test_folders_are_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = bids.Settings(root="scans", lesions={"atlas": "masks"})
    assert (settings.root, settings.lesions.atlas) == (tmp_path / "scans", tmp_path / "masks")


@pytest.mark.parametrize(
    "settings",
    [
        phantom.Settings(seed=4, lesions=LesionSettings(set="plain", atlas="/masks")),
        bids.Settings(root="/scans", train_root="/healthy"),
        labels.Settings(labels="/labels"),
    ],
)
def test_settings_are_kept_as_json(settings):
    assert settings_from_json(settings_as_json(settings)) == settings


def test_the_size_of_a_phantom_that_an_earlier_version_kept_is_read():
    text = '{"name": "phantom", "preset": "gpu", "seed": 2}'
    assert settings_from_json(text) == phantom.Settings(cohort_size="medium", seed=2)


def test_files_written_before_each_dataset_had_settings_of_its_own_still_open():
    expected = bids.Settings(root="/scans", seed=2, align="none", lesions=LesionSettings(set="soft"), cases=3)
    assert settings_from_json(WRITTEN_BEFORE) == expected
    old_labels = '{"labels": "/labels", "brain_masks": null}'
    assert settings_from_json(old_labels) == labels.Settings(labels="/labels")
    with pytest.raises(BenchError, match="no setting 'colour'"):
        settings_from_json(json.dumps({**json.loads(WRITTEN_BEFORE), "colour": "red"}))
    for text in ("", "[]", "{"):
        with pytest.raises(ValueError):
            settings_from_json(text)


def test_settings_of_nobody_are_refused(tmp_path):
    with pytest.raises(BenchError, match="settings of no dataset"):
        load_dataset(DatasetSettings(), tmp_path)


class OwnSettings(DatasetSettings):
    size: int = 3


def own_load(settings: OwnSettings, cache_folder: Path):
    return settings.size, cache_folder


OWN = SimpleNamespace(NAME="own", DESCRIPTION="a dataset of another package", Settings=OwnSettings, load=own_load)


def test_entry_points_add_datasets_and_broken_ones_are_listed(monkeypatch, tmp_path):
    points = [
        EntryPoint("own", f"{__name__}:OWN", "bench.datasets"),
        EntryPoint("none", "json", "bench.datasets"),
        EntryPoint("gone", "no_such_module", "bench.datasets"),
    ]
    monkeypatch.setattr(discovery, "entry_points", lambda group: points if group == "bench.datasets" else [])
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(OWN=OWN))
    found, broken = DATASETS.discover()
    assert found["own"] is OWN and "phantom" in found
    assert [one.source.split(" ")[0] for one in broken] == ["none", "gone"]
    assert "json is no dataset, it lacks NAME, DESCRIPTION, Settings" in broken[0].reason
    settings = dataset_settings("own", {"size": 5})
    assert load_dataset(settings, tmp_path) == (5, tmp_path)
    assert settings_from_json(settings_as_json(settings)) == settings
