"""Lesion sets as data, and generators by name."""

import json
from types import ModuleType

import numpy as np
import pytest

from bench.discovery import Kind
from bench.errors import BenchError
from datasets.lesions import generator
from datasets.lesions.generator import LESION_GENERATORS, LesionGenerator, simulate_lesions
from datasets.lesions.identity import lesion_identity
from datasets.lesions.sets import LESION_SETS, NAMES
from datasets.lesions.settings import LesionSettings
from datasets.preparing.preparation import Scan

SCAN = Scan("sub-1", np.ones((1, 4, 4, 4), np.float32), np.ones((4, 4, 4), bool), None, np.eye(4), ("T1w",))


class Half(LesionGenerator):
    name = "half"
    version = 3

    def simulate(self, scan, settings, seed):
        mask = np.zeros_like(scan.brain_mask)
        mask[:2] = True
        return scan.images * np.float32(0.5), mask


class Wrong(Half):
    name = "wrong"

    def simulate(self, scan, settings, seed):
        return scan.images.astype(np.float64), scan.brain_mask


@pytest.fixture
def others(monkeypatch):
    found = [(one.name, one()) for one in (Half, Wrong)]
    monkeypatch.setattr(generator, "LESION_GENERATORS", Kind("lesion generator", "json", "none", lambda _: found))
    monkeypatch.setattr("datasets.lesions.identity.LESION_GENERATORS", generator.LESION_GENERATORS)


def test_sets():
    assert NAMES == ("paper", "plain", "soft", "none")
    assert [(one.enhance, one.noisy, one.blurred, one.healthy) for one in LESION_SETS] == [
        (True, True, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, True, False, True),
    ]
    for one in LESION_SETS:
        assert LesionSettings(set=one.name).lesion_set is one


def test_the_identity_is_the_one_of_published_tables():
    expected = '{"version": 3, "set": "%s", "lesion_load_ml": 20.0, "enhancement": 1.5, "soft_fwhm_mm": null%s}'
    assert json.dumps(lesion_identity(LesionSettings())) == expected % ("paper", ', "enhancing": 2')
    assert json.dumps(lesion_identity(LesionSettings(set="plain"))) == expected % ("plain", "")


def test_generators_by_name(others):
    found = simulate_lesions(SCAN, LesionSettings(generator="half"), 0)
    assert found.lesion_mask.sum() == 32 and (found.images == 0.5).all() and SCAN.lesion_mask is None
    identity = lesion_identity(LesionSettings(generator="half"))
    assert (identity["generator"], identity["version"]) == ("half", 3)
    with pytest.raises(BenchError, match="There is no lesion generator 'halv', did you mean 'half'"):
        simulate_lesions(SCAN, LesionSettings(generator="halv"), 0)
    with pytest.raises(BenchError, match=r"wrong gives images of \(1, 4, 4, 4\) and float64, but should give"):
        simulate_lesions(SCAN, LesionSettings(generator="wrong"), 0)


def test_modules_offer_the_classes_that_they_define():
    assert LESION_GENERATORS.all().keys() == {"mslesionsimulator"}
    module = ModuleType(__name__)
    vars(module).update(Half=Half, LesionGenerator=LesionGenerator)
    assert [name for name, _ in LESION_GENERATORS.members(module)] == ["half"]
    assert [name for name, _ in LESION_GENERATORS.members(Wrong)] == ["wrong"]
    for nothing in (ModuleType("empty"), "text"):
        with pytest.raises(TypeError, match="defines no subclass"):
            LESION_GENERATORS.members(nothing)
