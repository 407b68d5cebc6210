"""Blurs inside a mask see nothing of what lies outside."""

import numpy as np

from bench.blur import blurred_inside


def test_a_blur_counts_what_is_inside_only(inside):
    values = np.where(inside, np.float32(3), np.float32(100))
    assert np.allclose(blurred_inside(values, inside, 1.5)[inside > 0], 3, rtol=1e-5)


def test_leading_axes_are_blurred_one_by_one(inside):
    values = np.random.default_rng(0).random((2, 3, *inside.shape), dtype=np.float32)
    together = blurred_inside(values, inside, (1.0, 2.0, 0.5))
    assert together.dtype == np.float32
    assert np.array_equal(together[1, 2], blurred_inside(values[1, 2], inside, (1.0, 2.0, 0.5)))


def test_far_outside_values_fade(inside):
    assert blurred_inside(np.ones(inside.shape, np.float32), inside, 0.5, least_weight=1e-3)[0, 0, 0] < 1e-2
