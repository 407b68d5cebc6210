import numpy as np
import torch

from methods.msma.local_moments import SMALLEST_SD, LocalMoments
from methods.parts.smoothing import grown


def test_moments_of_many_cases_are_their_mean_and_sd() -> None:
    rng = np.random.default_rng(0)
    moments = LocalMoments([True, True], (8, 8, 8))
    for _ in range(400):
        values = rng.normal([[[[1.0]]], [[[-2.0]]]], [[[[0.5]]], [[[1.5]]]], (2, 8, 8, 8))
        moments.add(torch.from_numpy(values).float(), np.ones((8, 8, 8), bool))
    mean, sd = moments.finish(smoothing_voxels=1.0)
    assert mean.shape == (2, 4, 4, 4)
    np.testing.assert_allclose(mean[0], 1.0, atol=0.05)
    np.testing.assert_allclose(mean[1], -2.0, atol=0.15)
    np.testing.assert_allclose(sd[0], 0.5, rtol=0.1)
    np.testing.assert_allclose(sd[1], 1.5, rtol=0.1)
    np.testing.assert_allclose(grown(mean, (8, 8, 8))[0], 1.0, atol=0.05)


def test_voxels_outside_the_brain_do_not_pull_the_mean() -> None:
    mask = np.zeros((8, 8, 8), bool)
    mask[:4] = True
    moments = LocalMoments([True], (8, 8, 8))
    for _ in range(50):
        moments.add(torch.full((1, 8, 8, 8), 3.0), mask)
    mean, sd = moments.finish(smoothing_voxels=1.0)
    np.testing.assert_allclose(mean, 3.0, atol=0.01)
    assert sd.min() >= SMALLEST_SD


def test_the_smallest_deviation_of_what_is_no_logarithm_is_relative() -> None:
    """Signed means are of any size: where healthy ones never vary, a twentieth of their deviation elsewhere counts."""
    rng = np.random.default_rng(0)
    moments = LocalMoments([False], (8, 8, 32))
    for _ in range(100):
        values = np.zeros((1, 8, 8, 32))
        values[..., 16:] = rng.normal(0, 1e-3, (8, 8, 16))
        moments.add(torch.from_numpy(values).float(), np.ones((8, 8, 32), bool))
    _, sd = moments.finish(smoothing_voxels=1.0)
    np.testing.assert_allclose(sd[..., 14], 1e-3, rtol=0.05)
    np.testing.assert_allclose(sd[..., 1], 0.05 * 1e-3 / np.sqrt(2), rtol=0.05)
