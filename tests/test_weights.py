"""The trained parts that come with the package are those that the preset `cpu` asks for on the phantom."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import registry
from bench.registry import method
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.presets import resolve
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store, shipped_folder
from datasets.load import load_dataset
from datasets.sources import dataset_settings

WITHOUT_PARTS = ("random",)  # it needs none
WITH_PARTS = [name for name in registry.methods() if name not in WITHOUT_PARTS]


@pytest.mark.parametrize("name", WITH_PARTS)
def test_nothing_is_trained_again(name: str, tmp_path: Path) -> None:
    """A setting that came later must not change the identity of what was trained before it."""
    dataset = replace(load_dataset(dataset_settings("phantom", {}), tmp_path), train=(), validation=())
    config = resolve({name: method(name)}, "cpu", None, [], [name])[name]
    store = Store(tmp_path / "components")
    fitted = fitted_detector(ChosenMethod(method(name), config, "cpu", 0, "cpu"), dataset, store, SilentReporter())
    assert {part.folder.parent for part in fitted.parts} == {shipped_folder()}
    assert not store.folder.exists()
