"""Fitted components: trained once, found again, shipped, and what damage says."""

import json

import numpy as np
import pytest
import torch

from bench.component import Component, ComponentConfig, FitContext
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.store import Store, component_key


class MeanConfig(ComponentConfig):
    factor: float = 1.0


class Mean(Component[MeanConfig]):
    """The mean intensity times a factor, on a tensor large enough to be shipped in half precision."""

    name = "mean"
    trained = 0

    def __init__(self, config, value, upstream=None):
        self.config, self.value, self.upstream = config, value, upstream

    @classmethod
    def train(cls, config, train, validation, context, upstream):
        cls.trained += 1
        assert context.checkpoint_folder is not None and context.checkpoint_folder.is_dir()
        mean = np.mean([case.image[:, case.brain_mask].mean() for case in train]) / 3
        return cls(config, torch.full((100,), float(mean * config.factor)), upstream)

    def state(self):
        return {"value": self.value, "steps": torch.tensor(7)}

    @classmethod
    def restore(cls, config, state, device, upstream):
        return cls(config, state["value"], upstream)

    def numbers(self):
        return {"mean": float(self.value[0])}


@pytest.fixture(autouse=True)
def untrained():
    Mean.trained = 0


def context_for(store, seed=0, **changes):
    dataset = tiny_dataset()
    fields = {
        "train": dataset.train,
        "validation": dataset.validation,
        "channels": dataset.channels,
        "training_fingerprint": dataset.training_fingerprint,
        "seed": seed,
        "device": "cpu",
        "store": store,
        "reporter": SilentReporter(),
    }
    return FitContext(**(fields | changes))


def test_trained_once_then_loaded(tmp_path):
    first = context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    second = context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    assert Mean.trained == 1
    assert torch.equal(first.value, second.value) and first.key == second.key


def test_card_says_how_it_came_about(tmp_path):
    store = Store(tmp_path, shipped=None)
    found = context_for(store).fitted(Mean, MeanConfig(factor=2))
    card = json.loads((store.places[found.key] / "card.json").read_text())
    assert card["component"] == "mean" and card["config"] == {"factor": 2.0} and card["seed"] == 0
    assert card["channels"] == ["T1w", "T2w"] and card["parameters"] == 100
    assert card["numbers"] == {"mean": pytest.approx(found.value[0].item())}
    assert store.places[found.key].name == f"mean-{found.key[:12]}"


def test_key_changes_with_all_that_shapes_the_weights(tmp_path):
    store = Store(tmp_path, shipped=None)
    upstream = context_for(store).fitted(Mean, MeanConfig())

    class NewVersion(Mean):
        version = 2

    keys = [
        component_key(component, config, context_for(store, **changes), built_on)
        for component, config, changes, built_on in [
            (Mean, MeanConfig(), {}, None),
            (Mean, MeanConfig(factor=2), {}, None),
            (Mean, MeanConfig(), {"seed": 1}, None),
            (Mean, MeanConfig(), {"channels": ("T1w",)}, None),
            (Mean, MeanConfig(), {"training_fingerprint": "other"}, None),
            (Mean, MeanConfig(), {}, upstream),
            (NewVersion, MeanConfig(), {}, None),
        ]
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == component_key(Mean, MeanConfig(), context_for(store, device="cuda"), None)


def test_nothing_is_left_behind_by_training_that_fails(tmp_path):
    class Broken(Mean):
        @classmethod
        def train(cls, config, train, validation, context, upstream):
            raise RuntimeError("loss is not finite")

    with pytest.raises(RuntimeError):
        context_for(Store(tmp_path, shipped=None)).fitted(Broken, MeanConfig())
    assert not list(tmp_path.glob("mean-*"))
    context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    assert [path.name[:5] for path in tmp_path.iterdir()] == ["mean-"]


@pytest.mark.parametrize("file", ["weights.safetensors", "card.json"])
def test_damaged_component_names_its_folder(tmp_path, file):
    store = Store(tmp_path, shipped=None)
    found = context_for(store).fitted(Mean, MeanConfig())
    path = store.places[found.key] / file
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BenchError, match=rf"{store.places[found.key]} is damaged or incomplete: remove"):
        context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    path.unlink()
    with pytest.raises(BenchError, match="damaged or incomplete"):
        context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())


def test_shipped_components_need_no_training_and_are_half_the_size(tmp_path):
    store = Store(tmp_path / "own", shipped=None)
    trained = context_for(store).fitted(Mean, MeanConfig())
    (place,) = store.ship(tmp_path / "weights")
    elsewhere = Store(tmp_path / "fresh", shipped=tmp_path / "weights")
    found = context_for(elsewhere).fitted(Mean, MeanConfig())
    assert Mean.trained == 1 and elsewhere.places[found.key] == place
    assert not (tmp_path / "fresh").exists()
    assert found.value.dtype == torch.float32
    assert torch.allclose(found.value, trained.value, rtol=1e-3)
    assert elsewhere.cards[found.key].precision == "float16"


def test_the_workspace_comes_before_what_is_shipped(tmp_path):
    store = Store(tmp_path / "own", shipped=None)
    context_for(store).fitted(Mean, MeanConfig())
    store.ship(tmp_path / "weights")
    both = Store(tmp_path / "own", shipped=tmp_path / "weights")
    found = context_for(both).fitted(Mean, MeanConfig())
    assert both.places[found.key].parent == tmp_path / "own"


def test_shipping_keeps_values_that_half_precision_cannot_hold(tmp_path):
    store = Store(tmp_path / "own", shipped=None)
    trained = context_for(store).fitted(Mean, MeanConfig(factor=1e9))
    store.ship(tmp_path / "weights")
    found = context_for(Store(tmp_path / "fresh", shipped=tmp_path / "weights")).fitted(Mean, MeanConfig(factor=1e9))
    assert torch.equal(found.value, trained.value)
