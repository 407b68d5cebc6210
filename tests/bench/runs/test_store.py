"""Fitted components: trained once, found again, shipped, and what damage says."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch

from bench.component import Component, ComponentConfig, FitContext
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.store import Card, Store, component_key, ship


class MeanConfig(ComponentConfig):
    factor: float = 1.0


class Mean(Component[MeanConfig, None]):
    """The mean intensity times a factor, on a tensor large enough to be shipped in half precision."""

    name = "mean"
    trained = 0

    def __init__(self, config, value):
        self.config, self.value = config, value
        self.figures = {"mean": float(value[0])}

    @classmethod
    def train(cls, config, context, upstream):
        cls.trained += 1
        assert context.checkpoint_folder is not None and context.checkpoint_folder.is_dir()
        mean = np.mean([case.image[:, case.brain_mask].mean() for case in context.train]) / 3
        return cls(config, torch.full((100,), float(mean * config.factor)))

    def state(self):
        return {"value": self.value, "steps": torch.tensor(7)}

    @classmethod
    def restore(cls, config, state, device, upstream):
        return cls(config, state["value"])


class OnMean(Component[MeanConfig, Mean]):
    """Builds on a mean, and does as it does."""

    name = "on-mean"
    __init__, state = Mean.__init__, Mean.state
    train, restore = classmethod(Mean.train.__func__), classmethod(Mean.restore.__func__)  # type: ignore[attr-defined]
    trained = 0


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


def fitted(store, config=None):
    return store.fitted(Mean, config or MeanConfig(), context_for(store), None)


def test_trained_once_then_loaded(tmp_path):
    first = context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    second = context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    assert Mean.trained == 1
    assert torch.equal(first.value, second.value) and first.key == second.key


def test_card_says_how_it_came_about(tmp_path):
    part = fitted(Store(tmp_path, shipped=None), MeanConfig(factor=2))
    card = json.loads((part.folder / "card.json").read_text())
    assert card["component"] == "mean" and card["config"] == {"factor": 2.0} and card["seed"] == 0
    assert card["channels"] == ["T1w", "T2w"] and card["parameters"] == 100
    assert card["figures"] == {"mean": pytest.approx(part.component.value[0].item())}
    assert part.folder.name == f"mean-{part.component.key[:12]}"
    assert (part.parameters, part.fit_s) == (card["parameters"], card["fit_s"])


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
        def train(cls, config, context, upstream):
            raise RuntimeError("loss is not finite")

    with pytest.raises(RuntimeError):
        context_for(Store(tmp_path, shipped=None)).fitted(Broken, MeanConfig())
    assert not list(tmp_path.glob("mean-*"))
    context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    assert [path.name[:5] for path in tmp_path.iterdir()] == ["mean-"]


@pytest.mark.parametrize("file", ["weights.safetensors", "card.json"])
def test_damaged_component_names_its_folder(tmp_path, file):
    place = fitted(Store(tmp_path, shipped=None)).folder
    path = place / file
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BenchError, match=rf"{place} is damaged or incomplete: remove"):
        context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())
    path.unlink()
    with pytest.raises(BenchError, match="damaged or incomplete"):
        context_for(Store(tmp_path, shipped=None)).fitted(Mean, MeanConfig())


def test_a_flipped_byte_of_the_weights_is_damage_and_older_cards_without_a_checksum_are_read(tmp_path):
    store = Store(tmp_path, shipped=None)
    part = fitted(store)
    weights, card = part.folder / "weights.safetensors", part.folder / "card.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    for use in (lambda: fitted(store), lambda: ship([part], tmp_path / "shipped")):
        with pytest.raises(BenchError, match=rf"{part.folder} is damaged or incomplete: remove"):
            use()
    weights.write_bytes(whole)
    words = json.loads(card.read_text())
    assert len(words.pop("sha256")) == 64
    card.write_text(json.dumps(words))
    assert fitted(store).folder == part.folder
    (place,) = ship([part], tmp_path / "shipped")
    assert json.loads((place / "card.json").read_text())["sha256"] != words.get("sha256")


def test_shipped_components_need_no_training_and_are_half_the_size(tmp_path):
    trained = fitted(Store(tmp_path / "own", shipped=None))
    (place,) = ship([trained], tmp_path / "weights")
    found = fitted(Store(tmp_path / "fresh", shipped=tmp_path / "weights"))
    assert Mean.trained == 1 and found.folder == place
    assert not (tmp_path / "fresh").exists()
    assert found.component.value.dtype == torch.float32
    assert torch.allclose(found.component.value, trained.component.value, rtol=1e-3)
    assert json.loads((place / "card.json").read_text())["precision"] == "float16"


def test_the_workspace_comes_before_what_is_shipped(tmp_path):
    ship([fitted(Store(tmp_path / "own", shipped=None))], tmp_path / "weights")
    found = fitted(Store(tmp_path / "own", shipped=tmp_path / "weights"))
    assert found.folder.parent == tmp_path / "own"


def test_shipping_keeps_values_that_half_precision_cannot_hold(tmp_path):
    trained = fitted(Store(tmp_path / "own", shipped=None), MeanConfig(factor=1e9))
    ship([trained], tmp_path / "weights")
    found = fitted(Store(tmp_path / "fresh", shipped=tmp_path / "weights"), MeanConfig(factor=1e9))
    assert torch.equal(found.component.value, trained.component.value)


def test_cards_of_an_older_bench_are_read(tmp_path):
    place = fitted(Store(tmp_path, shipped=None)).folder
    card = (place / "card.json").read_text()
    (place / "card.json").write_text(card.replace('"figures"', '"numbers"'))
    assert fitted(Store(tmp_path, shipped=None)).folder == place
    assert Mean.trained == 1


def test_a_part_is_built_on_what_its_class_names(tmp_path):
    context = context_for(Store(tmp_path, shipped=None))
    mean = context.fitted(Mean, MeanConfig())
    assert context.fitted(OnMean, MeanConfig(), upstream=mean).key != mean.key
    with pytest.raises(BenchError, match="OnMean builds on Mean, not on nothing"):
        context.fitted(OnMean, MeanConfig())
    with pytest.raises(BenchError, match="Mean builds on nothing, not on Mean"):
        context.fitted(Mean, MeanConfig(), upstream=mean)


def test_the_context_keeps_what_it_gave_out(tmp_path):
    first = context_for(Store(tmp_path, shipped=None))
    found = first.fitted(Mean, MeanConfig())
    (part,) = first.parts
    assert part.component is found and part.parameters == 100 and part.spent_s > 0


def test_the_shipped_cards_are_cards():
    for path in sorted(Path(__file__).parents[3].glob("weights/*/card.json")):
        card = Card.model_validate_json(path.read_text())
        assert path.parent.name == f"{card.component}-{card.key[:12]}"
        assert '"figures"' in path.read_text()


def test_the_command_on_a_card_names_no_folder_of_the_user(tmp_path, monkeypatch):
    typed = [
        "/home/me/bench/__main__.py",
        "fit",
        "--root",
        "/home/me/scans",
        "--workspace=/data/lab/ws",
        "--set",
        "a=0.5",
    ]
    monkeypatch.setattr("sys.argv", typed)
    part = fitted(Store(tmp_path, shipped=None))
    card = json.loads((part.folder / "card.json").read_text())
    assert card["command"] == "bench fit --root scans --workspace=ws --set a=0.5"


def test_a_part_that_another_command_trains_is_waited_for(tmp_path):
    store, started, go_on = Store(tmp_path, shipped=None), Event(), Event()

    class Slow(Mean):
        @classmethod
        def train(cls, config, context, upstream):
            started.set()
            assert go_on.wait(30)
            return super().train(config, context, upstream)

    said = []

    class Waiting(SilentReporter):
        def say(self, line):
            said.append(line)
            go_on.set()

    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: context_for(store).fitted(Slow, MeanConfig()))
        assert started.wait(30)
        second = context_for(store, reporter=Waiting()).fitted(Slow, MeanConfig())
    assert (first.result().key, Slow.trained) == (second.key, 1)
    assert said == [f"another command trains mean-{second.key[:12]}: waiting for it"]
    assert [path.name for path in tmp_path.iterdir()] == [f"mean-{second.key[:12]}"]
