"""Restoration beyond the contract: with a known distribution its maps are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from methods.diffusion.sampler import SamplerConfig
from methods.diffusion.tiny import tiny_score_model
from methods.parts.healthy import RelativeMaps
from methods.restoration import HealthyRestoration, Restoration, RestorationConfig


def restoration(model, seed=0, **settings):
    config = {"score_model": {"sigma_min": 0.02, "sigma_max": 3.0}, "sampler": SamplerConfig(steps=20), **settings}
    detector = Restoration(RestorationConfig(**config))
    detector.maps = RelativeMaps(HealthyRestoration, detector.config, model, SimpleNamespace(seed=seed))
    return detector


def test_the_map_is_the_distance_to_the_healthy_image(gaussian_model, case):
    """A noise of 2 hides the image; restored images are healthy ones, with an sd of 0.02."""
    anomaly_map = restoration(gaussian_model, start_sigma=2.0, runs=3).score(case)
    expected = np.abs(case.image).sum(axis=0)
    assert np.corrcoef(anomaly_map[case.brain_mask], expected[case.brain_mask])[0, 1] > 0.99
    assert np.abs(anomaly_map - expected)[case.brain_mask].mean() < 0.05
    assert not anomaly_map[~case.brain_mask].any()


def test_little_noise_restores_little(gaussian_model, case):
    """The probability flow from noise s to s' shrinks an oddity by sqrt((v + s'^2) / (v + s^2)), the last step,
    to the expected image, by v / (v + s'^2)."""
    variance, high, low = 0.01, 0.05**2, 0.02**2
    gaussian_model.variance = variance
    sampler = SamplerConfig(steps=8, predictor="ode", corrector_steps=0)
    anomaly_map = restoration(gaussian_model, start_sigma=0.05, runs=60, sampler=sampler).score(case)
    kept = ((variance + low) / (variance + high)) ** 0.5 * variance / (variance + low)
    odd = case.brain_mask & (np.abs(case.image).min(axis=0) > 0.1)
    expected = (1 - kept) * np.abs(case.image).sum(axis=0)
    assert (anomaly_map / expected)[odd].mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("predictor", "corrector_steps"), [("reverse-diffusion", 1), ("ode", 0)])
def test_network_evaluations_are_those_of_the_settings(gaussian_model, case, predictor, corrector_steps):
    sampler = SamplerConfig(steps=4, predictor=predictor, corrector_steps=corrector_steps)
    restoration(gaussian_model, sampler=sampler, runs=3, runs_at_once=2).score(case)
    assert gaussian_model.network_evaluations == 3 * sampler.evaluations


def test_a_map_depends_on_seed_and_case_only(gaussian_model, case):
    settings = {"sampler": SamplerConfig(steps=2), "runs": 1}
    first = restoration(gaussian_model, **settings).score(case)
    assert np.array_equal(first, restoration(gaussian_model, **settings).score(case))
    assert not np.array_equal(first, restoration(gaussian_model, seed=1, **settings).score(case))
    assert not np.array_equal(first, restoration(gaussian_model, **settings).score(replace(case, id="another")))


def test_the_papers_start_is_a_quarter_of_the_diffusion():
    config = RestorationConfig()
    assert config.start_sigma == pytest.approx(0.06 * (545 / 0.06) ** 0.25, rel=1e-3)
    assert (config.sampler.steps, config.runs, config.sampler.snr) == (500, 10, 0.17)


def test_a_start_the_model_does_not_know_is_refused():
    with pytest.raises(ValidationError, match=r"between the score model's sigma_min 0\.05 and sigma_max 1\.0"):
        RestorationConfig(score_model=tiny_score_model(), start_sigma=2.0)
