import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from methods.parts.difference import difference_map


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
