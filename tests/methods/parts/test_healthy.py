from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
import pytest
import torch
from pydantic import Field, ValidationError

from bench.component import Component, ComponentConfig, FitContext
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.store import Store
from datasets.case import Case, FloatArray
from datasets.dataset import Dataset
from methods.ae import AEConfig
from methods.parts.difference import difference_map, residual_map
from methods.parts.healthy import (
    HealthyMean,
    HealthyMeanConfig,
    RelativeConfig,
    RelativeMaps,
    ResidualConfig,
    finished_map,
)

BOX = (slice(0, 32),) * 3


class Value(Component[ComponentConfig, None]):
    """A model that knows one number, 2."""

    name = "value"

    @classmethod
    def train(cls, config: ComponentConfig, context: FitContext, upstream: None) -> Self:
        return cls()

    def state(self) -> dict[str, torch.Tensor]:
        return {"value": torch.tensor(2.0)}

    @classmethod
    def restore(cls, config: ComponentConfig, state: dict[str, torch.Tensor], device: str, upstream: None) -> Self:
        return cls()


class TimesConfig(RelativeConfig):
    not_in_raw_map: ClassVar[frozenset[str]] = RelativeConfig.not_in_raw_map | {"at_once"}

    factor: float = Field(1.0, description="of the map")
    at_once: int = Field(10, description="shapes no map")


class HealthyTwos(HealthyMean[TimesConfig, Value]):
    """Raw maps are 2 times a factor everywhere in the brain."""

    name = "healthy-twos"

    @staticmethod
    def raw_map(config: TimesConfig, model: Value, seed: int, case: Case) -> FloatArray:
        assert config.at_once in (10, 3)
        return np.where(case.brain_mask, np.float32(2 * config.factor), np.float32(0))


class BlankConfig(ResidualConfig):
    pass


class HealthyBlank(HealthyMean[BlankConfig, Value]):
    """Reconstructions are 0 everywhere: the difference is the image."""

    name = "healthy-blank"

    @staticmethod
    def raw_map(config: BlankConfig, model: Value, seed: int, case: Case) -> FloatArray:
        return residual_map(case, BOX, np.zeros_like(case.image), config.signed_mm)


@pytest.fixture
def dataset() -> Dataset:
    return tiny_dataset()


@pytest.fixture
def context(dataset: Dataset, tmp_path) -> FitContext:  # type: ignore[no-untyped-def]
    store = Store(tmp_path, shipped=None)
    return FitContext(dataset.train, dataset.validation, dataset.channels, "test", 0, "cpu", store, SilentReporter())


def test_healthy_maps_become_one(dataset: Dataset, context: FitContext) -> None:
    config = TimesConfig(factor=3, healthy_cases=3)
    maps = RelativeMaps(HealthyTwos, config, context.fitted(Value, ComponentConfig()), context)
    case = dataset.test[0]
    finished = maps.of(case)
    assert np.allclose(finished[case.brain_mask], 1, atol=1e-3)
    assert not finished[~case.brain_mask].any()


def test_without_healthy_cases_the_map_is_the_raw_one(dataset: Dataset, context: FitContext) -> None:
    maps = RelativeMaps(HealthyTwos, TimesConfig(factor=3), context.fitted(Value, ComponentConfig()), context)
    assert set(np.unique(maps.of(dataset.test[0]))) == {0, 6}
    assert len(context.parts) == 1


def test_only_what_shapes_the_raw_map_is_its_identity(context: FitContext) -> None:
    value = context.fitted(Value, ComponentConfig())

    def key(**settings: float) -> str:
        healthy = RelativeMaps(HealthyTwos, TimesConfig(**{"healthy_cases": 2, **settings}), value, context).healthy
        assert healthy is not None
        return healthy.key

    assert key() == key(smoothing_mm=2) == key(at_once=3)
    assert len({key(), key(factor=2), key(healthy_cases=3)}) == 3
    config = HealthyMeanConfig(method=TimesConfig(factor=2, at_once=3), cases=4)
    assert config.model_dump(mode="json") == {"method": {"factor": 2.0}, "cases": 4}


def test_a_map_is_divided_by_the_healthy_mean_at_its_place(dataset: Dataset) -> None:
    case = dataset.test[0]
    raw = np.where(case.brain_mask, np.float32(3), np.float32(0))
    finished = finished_map(case, raw, np.full(case.brain_mask.shape, np.float32(2)), 0)
    assert np.allclose(finished[case.brain_mask], 1.5, atol=1e-3)
    assert not finished[~case.brain_mask].any()


def test_another_grid_is_refused_in_one_sentence(dataset: Dataset) -> None:
    case = dataset.test[0]
    with pytest.raises(BenchError, match=r"test-0 has a grid of \(8, 8, 8\)"):
        finished_map(case, np.zeros((8, 8, 8), np.float32), np.ones((32, 32, 32), np.float32), 0)


def test_smoothing_keeps_an_even_map_even_up_to_the_rim(dataset: Dataset) -> None:
    case = dataset.test[0]
    anomaly_map = finished_map(case, difference_map(case, BOX, case.image + 1), None, smoothing_mm=4)
    assert np.allclose(anomaly_map[case.brain_mask], 2, atol=1e-4)
    assert not anomaly_map[~case.brain_mask].any()


def test_smoothing_spreads_one_voxel_by_its_millimetres(dataset: Dataset) -> None:
    case = dataset.test[0]
    reconstruction = case.image.copy()
    reconstruction[0, 16, 16, 16] += 1
    anomaly_map = finished_map(case, difference_map(case, BOX, reconstruction), None, smoothing_mm=2)  # one voxel
    assert anomaly_map[17, 16, 16] == pytest.approx(np.exp(-0.5) * anomaly_map[16, 16, 16], rel=1e-3)
    assert anomaly_map.sum() == pytest.approx(1, rel=0.01)


def test_signed_differences_count_from_the_healthy_mean_whichever_their_sign(
    dataset: Dataset, context: FitContext
) -> None:
    """Bright and dark lesions stand out alike, and noise that changes sign does not."""
    config = BlankConfig(signed_mm=4, healthy_cases=4)
    maps = RelativeMaps(HealthyBlank, config, context.fitted(Value, ComponentConfig()), context)
    assert maps.healthy is not None
    assert maps.healthy.mean.shape == (2, 32, 32, 32)
    case = dataset.validation[0]
    middle = (slice(12, 20),) * 3
    checkerboard = np.indices((8, 8, 8)).sum(axis=0) % 2 * 2 - 1

    def within(added: FloatArray | float) -> float:
        image = case.image.copy()
        image[(slice(None), *middle)] += added
        return float(maps.of(replace(case, image=image))[middle].mean())

    plain, noisy, bright, dark = within(0), within(checkerboard), within(1.0), within(-1.0)
    assert abs(noisy - plain) < 0.1 * (bright - plain)
    assert bright > 2 * plain
    assert dark > 2 * plain
    again = RelativeMaps(HealthyBlank, config, context.fitted(Value, ComponentConfig()), context)
    np.testing.assert_allclose(again.of(case), maps.of(case), atol=0.05)


def test_signed_differences_by_hand() -> None:
    case = tiny_dataset().test[0]
    raw = np.stack([np.full(case.brain_mask.shape, value, np.float32) for value in (5, -2)])
    mean, sd = np.ones_like(raw), np.stack([np.full(case.brain_mask.shape, value, np.float32) for value in (1, 1)])
    finished = finished_map(case, raw, mean, 0, sd)
    assert np.allclose(finished[case.brain_mask], 5)  # of (5 - 1) / 1 and (-2 - 1) / 1
    assert not finished[~case.brain_mask].any()


def test_signed_differences_need_healthy_cases_and_are_no_part_of_older_identities() -> None:
    with pytest.raises(ValidationError, match="set healthy_cases to 2 or more"):
        AEConfig(signed_mm=2, healthy_cases=1)
    older = HealthyMeanConfig(method=AEConfig(healthy_cases=4), cases=4)
    assert older.model_dump(mode="json")["method"] == {}
    signed = HealthyMeanConfig(method=AEConfig(signed_mm=2, healthy_cases=4), cases=4)
    assert signed.model_dump(mode="json")["method"] == {"signed_mm": 2.0}
