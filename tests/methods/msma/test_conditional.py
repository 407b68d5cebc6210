import numpy as np
import pytest

from methods.msma.conditional import average_decay
from methods.msma.config import PatchDensityConfig


def test_the_average_of_weights_has_a_half_life_in_images_that_ramps_up() -> None:
    config = PatchDensityConfig()
    images = 2 * np.array([1, 1000, 10_000_000])
    expected = 0.5 ** (2 / np.minimum(50_000, 0.01 * images))
    assert [average_decay(config, int(n) // 2) for n in images] == pytest.approx(expected)
    fixed = PatchDensityConfig(average_decay=0.9)
    assert [average_decay(fixed, step) for step in (1, 2, 3)] == [0.0, 0.9, 0.9]
