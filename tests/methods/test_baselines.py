"""The trivial baselines beyond the contract: what their maps are."""

from dataclasses import replace

import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store
from methods.highpass import HighPass
from methods.parts.moments import FeatureMoments, MomentsConfig, feature
from methods.random import Random
from methods.zscore import ZScore


def fitted(detector, folder, config=None, dataset=None, seed=0):
    store = Store(folder, shipped=None)
    method = ChosenMethod(detector, config or detector.Config(), "cpu", seed, "cpu")
    return fitted_detector(method, dataset or tiny_dataset(), store, SilentReporter()).detector


def constant_cases(values):
    """Healthy cases whose brains have one intensity each, in both channels."""
    dataset = tiny_dataset(train=len(values))
    cases = []
    for case, value in zip(dataset.train, values, strict=True):
        image = np.where(case.brain_mask, np.float32(value), np.float32(-1))
        cases.append(replace(case, image=np.stack([image, image])))
    return replace(dataset, train=tuple(cases), training_fingerprint=str(values))


def test_random_is_uniform_seeded_and_different_for_every_case(tmp_path):
    dataset = tiny_dataset()
    first, other = (fitted(Random, tmp_path, seed=seed) for seed in (0, 1))
    one, two = (first.score(case) for case in dataset.test)
    assert one.min() >= 0 and one.max() < 1 and abs(one.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.02
    assert not np.array_equal(one, other.score(dataset.test[0]))


def test_moments_of_constant_cases_are_theirs(tmp_path):
    dataset = constant_cases([-0.5, 0.0, 0.5] * 4)
    config = ZScore.Config(moments=MomentsConfig(moment_smoothing_mm=0))
    moments = fitted(ZScore, tmp_path, config, dataset).moments
    centre = (slice(None), slice(12, 20), slice(12, 20), slice(12, 20))
    assert np.allclose(moments.mean[centre], 0, atol=1e-6)
    assert np.allclose(moments.sd[centre], np.std([-0.5, 0.0, 0.5]), atol=1e-6)


@pytest.mark.parametrize(("channels", "expected"), [("max", 2.0), ("norm", np.sqrt(8))])
def test_zscore_counts_standard_deviations(tmp_path, channels, expected):
    dataset = constant_cases([-0.5, 0.0, 0.5] * 4)
    config = ZScore.Config(moments=MomentsConfig(moment_smoothing_mm=0), channels=channels)
    detector = fitted(ZScore, tmp_path, config, dataset)
    case = dataset.train[0]
    image = np.where(case.brain_mask, np.float32(2 * np.std([-0.5, 0.0, 0.5])), np.float32(-1))
    anomaly_map = detector.score(replace(case, image=np.stack([image, -image])))
    assert np.allclose(anomaly_map[12:20, 12:20, 12:20], expected, rtol=1e-4)


def test_highpass_finds_noise_in_a_smooth_brain(tmp_path):
    dataset = tiny_dataset()
    detector = fitted(HighPass, tmp_path)
    case = dataset.validation[0]
    noisy = case.image.copy()
    noisy[:, 14:18, 14:18, 14:18] += np.random.default_rng(0).normal(0, 0.5, (2, 4, 4, 4)).astype(np.float32)
    before, after = detector.score(case), detector.score(replace(case, image=noisy))
    assert after[14:18, 14:18, 14:18].mean() > 5 * before[14:18, 14:18, 14:18].mean()
    assert np.allclose(after[:8], before[:8], rtol=1e-4)
    assert before[case.brain_mask].mean() == pytest.approx(2, rel=0.3)  # one a channel where healthy


def test_the_brains_rim_has_no_high_pass_energy_of_its_own():
    dataset = constant_cases([0.3])
    values = feature(dataset.train[0], MomentsConfig(high_pass_mm=2.0, image_smoothing_mm=2.0))
    assert np.abs(values[:, dataset.train[0].brain_mask]).max() < 1e-9


def test_case_of_another_shape_is_refused(tmp_path):
    detector = fitted(ZScore, tmp_path)
    case = tiny_dataset(("T1w",)).test[0]
    with pytest.raises(BenchError, match=r"test-0 has the shape \(1, 32, 32, 32\)"):
        detector.score(case)


def test_restored_moments_are_those_of_every_second_voxel():
    mean, sd = np.random.default_rng(0).random((2, 1, 8, 6, 10), dtype=np.float32)
    state = FeatureMoments(MomentsConfig(), mean, sd).state()
    restored = FeatureMoments.restore(MomentsConfig(), state, "cpu", None)
    assert restored.mean.shape == mean.shape
    assert np.allclose(restored.mean[:, ::2, ::2, ::2], mean[:, ::2, ::2, ::2])
    assert np.allclose(restored.sd[:, 1:6:2, ::2, ::2], (sd[:, 0:6:2, ::2, ::2] + sd[:, 2:8:2, ::2, ::2])[:, :3] / 2)
