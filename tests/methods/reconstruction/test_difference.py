import numpy as np
import pytest

from bench.contract import tiny_dataset
from methods.reconstruction.difference import difference_map


@pytest.fixture
def case():
    return tiny_dataset().test[0]


def test_absolute_differences_of_channels_add_up_inside_the_brain(case):
    box = (slice(4, 28), slice(0, 32), slice(8, 24))
    shift = np.array([0.25, -0.5], dtype=np.float32)[:, None, None, None]
    anomaly_map = difference_map(case, box, case.image[(slice(None), *box)] + shift)
    inside = np.zeros_like(case.brain_mask)
    inside[box] = case.brain_mask[box]
    assert anomaly_map.dtype == np.float32
    assert np.allclose(anomaly_map[inside], 0.75, atol=1e-6)
    assert not anomaly_map[~inside].any()


def test_smoothing_keeps_an_even_map_even_up_to_the_rim(case):
    box = (slice(0, 32),) * 3
    anomaly_map = difference_map(case, box, case.image + 1, smoothing_mm=4)
    assert np.allclose(anomaly_map[case.brain_mask], 2, atol=1e-4)
    assert not anomaly_map[~case.brain_mask].any()


def test_smoothing_spreads_one_voxel_by_its_millimetres(case):
    reconstruction = case.image.copy()
    reconstruction[0, 16, 16, 16] += 1
    anomaly_map = difference_map(case, (slice(0, 32),) * 3, reconstruction, smoothing_mm=2)  # one voxel of 2 mm
    assert anomaly_map[17, 16, 16] == pytest.approx(np.exp(-0.5) * anomaly_map[16, 16, 16], rel=1e-3)
    assert anomaly_map.sum() == pytest.approx(1, rel=0.01)
