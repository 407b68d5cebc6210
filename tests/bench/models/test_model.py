"""A model is its method again, from its files alone."""

import json

import numpy as np
import pytest
from pydantic import Field

from bench import registry
from bench.component import ComponentConfig
from bench.detector import Detector, MethodConfig, MethodInfo
from bench.errors import BenchError
from bench.models.manifest import MANIFEST, read_manifest, write_manifest
from bench.models.model import Model, agrees
from bench.registry import methods
from bench.reporting import SilentReporter
from methods.zscore import ZScore

SILENT = SilentReporter()


QUICK = ("highpass", "random", "restoration", "zscore")  # no part, one, one that builds on another and nests settings


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in methods()]
)
def test_every_method_gives_the_same_map_as_a_model(name, model_of, case):
    fitted, model = model_of(methods()[name])
    again = model.detector("cpu", SILENT)
    assert again is not fitted
    assert np.allclose(fitted.score(case), again.score(case), rtol=1e-4, atol=1e-5)


def test_what_a_method_learns_outside_of_parts_cannot_be_a_model(model_of, monkeypatch):
    class Brightest(Detector):
        """The distance to the brightest training case."""

        info = MethodInfo(name="brightest", title="Brightest", reference="none")

        def fit(self, context):
            self.highest = context.train[0].image.max()

        def score(self, case):
            return case.image[0] - self.highest

    _, model = model_of(Brightest)
    monkeypatch.setattr(registry, "method", lambda name: Brightest)
    with pytest.raises(BenchError, match="brightest learns outside of trained parts"):
        model.detector("cpu", SILENT)


def test_a_model_with_a_changed_file_is_refused(model_of):
    _, model = model_of(ZScore)
    weights = next(model.folder.glob("parts/*/weights.safetensors"))
    good = weights.read_bytes()
    for bad in (good[:-4] + b"\0\0\0\1", good[:1000]):
        weights.write_bytes(bad)
        with pytest.raises(BenchError, match="its checksum differs: fetch or export it anew"):
            Model.open(model.folder)
    weights.write_bytes(good)
    Model.open(model.folder)
    (model.folder / "template.nii.gz").write_bytes(b"")
    with pytest.raises(BenchError, match="checksum differs"):
        Model.open(model.folder)


def test_a_model_that_lacks_a_part_says_so(model_of):
    _, model = model_of(ZScore)
    parts = model.manifest.parts
    bare = Model(model.folder, model.manifest.model_copy(update={"parts": ()}))
    with pytest.raises(BenchError, match="has no part moments with the settings"):
        bare.detector("cpu", SILENT)
    renamed = tuple(part.model_copy(update={"folder": "moments-000000000000"}) for part in parts)
    with pytest.raises(BenchError, match="moments-000000000000 is missing"):
        Model(model.folder, model.manifest.model_copy(update={"parts": renamed})).detector("cpu", SILENT)


def test_a_setting_that_is_gone_is_told(model_of):
    _, model = model_of(ZScore)
    text = json.loads((model.folder / MANIFEST).read_text())
    text["config"]["sharpness"] = 3
    (model.folder / MANIFEST).write_text(json.dumps(text))
    write_manifest(model.folder, read_manifest(model.folder))
    with pytest.raises(BenchError, match="The model small: there is no setting 'sharpness'"):
        Model.open(model.folder).detector("cpu", SILENT)


class Inner(ComponentConfig):
    width: int = 4
    added_since: float = 0.5


class Outer(ComponentConfig):
    needed: str
    inner: Inner = Inner()
    bins: tuple[int, ...] = (1, 2)
    new: bool = Field(False)


@pytest.mark.parametrize(
    ("known", "fits"),
    [
        ({"needed": "a", "inner": {"width": 4, "added_since": 0.5}, "bins": [1, 2], "new": False}, True),
        ({"needed": "a", "inner": {"width": 4}, "bins": [1, 2]}, True),  # as before the settings came in
        ({"needed": "a", "inner": {"width": 5}, "bins": [1, 2]}, False),
        ({"needed": "b", "inner": {"width": 4}, "bins": [1, 2]}, False),
        ({"needed": "a", "inner": {"width": 4}, "bins": [1, 2], "old": 1}, False),  # gone since
        ({"inner": {"width": 4}, "bins": [1, 2]}, False),  # without a default there is nothing to go by
    ],
)
def test_settings_that_came_in_later_are_at_their_defaults(known, fits):
    asked = Outer(needed="a")
    assert agrees(known, asked.model_dump(mode="json"), asked) is fits
    changed = Outer(needed="a", new=True)
    assert agrees({"needed": "a"}, changed.model_dump(mode="json"), changed) is False


def test_figures_by_hand(model_of):
    _, model = model_of(ZScore)
    manifest = model.manifest
    assert [manifest.percentile(score) for score in (0.5, 1.0, 1.5, 3.0)] == [0, 0, 50, 100]
    assert manifest.threshold(0.01).value == 2
    with pytest.raises(BenchError, match=r"no threshold for --fpr 0.05: take 0.01"):
        manifest.threshold(0.05)
    assert model.frame.shape == (32, 32, 32) and model.home is not None
    assert isinstance(manifest.config, dict) and issubclass(ZScore.Config, MethodConfig)
