from typing import Any

import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from methods.parts.difference import difference_map
from methods.parts.healthy import HealthyMean, HealthyMeanConfig, finished_map

BOX = (slice(0, 32),) * 3


class MeanOfTwos(HealthyMean):
    """Healthy maps are 2 everywhere in the brain."""

    name = "mean-of-twos"

    @classmethod
    def raw_map(cls, settings: dict[str, Any], upstream: Any, seed: int) -> Any:
        return lambda case: np.where(case.brain_mask, np.float32(2), np.float32(0))


class Context:
    seed = 0

    def __init__(self, train: Any) -> None:
        self.train = train

    @staticmethod
    def progress(description: str, total: int) -> Any:
        from bench.reporting import SilentReporter

        return SilentReporter().task(description, total)


@pytest.fixture
def dataset() -> Any:
    return tiny_dataset()


def healthy_twos(dataset: Any) -> HealthyMean:
    return MeanOfTwos.train(HealthyMeanConfig(cases=3), Context(dataset.train), None)  # type: ignore[arg-type]


def test_a_map_is_divided_by_the_healthy_mean_at_its_place(dataset: Any) -> None:
    case = dataset.test[0]
    raw = np.where(case.brain_mask, np.float32(3), np.float32(0))
    finished = finished_map(case, raw, healthy_twos(dataset), 0)
    assert np.allclose(finished[case.brain_mask], 1.5, atol=1e-3)
    assert not finished[~case.brain_mask].any()


def test_the_mean_survives_the_store(dataset: Any) -> None:
    found = healthy_twos(dataset)
    again = MeanOfTwos.restore(found.config, found.state(), "cpu", None)
    assert again.mean.shape == found.mean.shape
    assert np.allclose(again.mean, found.mean, atol=1e-3)


def test_another_grid_is_refused_in_one_sentence(dataset: Any) -> None:
    case = dataset.test[0]
    with pytest.raises(BenchError, match=r"test-0 has a grid of \(8, 8, 8\)"):
        finished_map(case, np.zeros((8, 8, 8), np.float32), healthy_twos(dataset), 0)


def test_smoothing_keeps_an_even_map_even_up_to_the_rim(dataset: Any) -> None:
    case = dataset.test[0]
    anomaly_map = finished_map(case, difference_map(case, BOX, case.image + 1), None, smoothing_mm=4)
    assert np.allclose(anomaly_map[case.brain_mask], 2, atol=1e-4)
    assert not anomaly_map[~case.brain_mask].any()


def test_smoothing_spreads_one_voxel_by_its_millimetres(dataset: Any) -> None:
    case = dataset.test[0]
    reconstruction = case.image.copy()
    reconstruction[0, 16, 16, 16] += 1
    anomaly_map = finished_map(case, difference_map(case, BOX, reconstruction), None, smoothing_mm=2)  # one voxel
    assert anomaly_map[17, 16, 16] == pytest.approx(np.exp(-0.5) * anomaly_map[16, 16, 16], rel=1e-3)
    assert anomaly_map.sum() == pytest.approx(1, rel=0.01)
