"""With the score of a known Gaussian the sampler has to return its mean and covariance."""

import pytest
import torch

from methods.diffusion.sampler import SamplerConfig, in_batches, langevin_step, predictor_step, sample, unit_noise
from methods.diffusion.sde import VarianceExploding

DIMENSIONS = 24
SHAPE = (1, 2, 3, 4)


@pytest.fixture
def gaussian():
    """Mean, covariance (with correlations) and score of 24-voxel images."""
    generator = torch.Generator().manual_seed(1)
    mean = torch.linspace(-1, 1, DIMENSIONS)
    mix = torch.eye(DIMENSIONS) * 0.4 + 0.05 * torch.randn(DIMENSIONS, DIMENSIONS, generator=generator)
    covariance = mix @ mix.T

    def score(x, sigma):
        precision = torch.linalg.inv(covariance + sigma[0] ** 2 * torch.eye(DIMENSIONS))
        return ((mean - x.flatten(1)) @ precision).view(x.shape)

    return mean, covariance, score


@pytest.mark.parametrize("corrector_steps", [0, 1])
@pytest.mark.parametrize("predictor", ["reverse-diffusion", "ancestral", "ode"])
def test_mean_and_covariance_of_a_gaussian(gaussian, predictor, corrector_steps):
    mean, covariance, score = gaussian
    # Langevin steps of a finite size spread samples too far, by a share that falls with snr squared.
    config = SamplerConfig(steps=120, predictor=predictor, corrector_steps=corrector_steps, snr=0.05)
    generator = torch.Generator().manual_seed(0)
    levels = VarianceExploding(0.01, 20).noise_levels(config.steps, 20, 0.01)
    start = levels[0] * unit_noise(torch.zeros(4000, *SHAPE), generator)
    x = sample(score, start, levels, config, generator).flatten(1)
    assert torch.allclose(x.mean(dim=0), mean, atol=0.05)
    assert torch.linalg.norm(torch.cov(x.T) - covariance) < 0.12 * torch.linalg.norm(covariance)


def test_ancestral_steps_reach_a_single_image_exactly():
    image = torch.full((4, *SHAPE), 0.3)
    generator = torch.Generator().manual_seed(0)
    levels = torch.tensor([5.0, 2.0, 0.5])
    start = image + levels[0] * unit_noise(image, generator)
    config = SamplerConfig(steps=3, predictor="ancestral", corrector_steps=0)

    def score(x, sigma):
        return (image - x) / sigma.view(-1, 1, 1, 1, 1) ** 2

    noisy = predictor_step(score, start, levels[0], levels[1], "ancestral", generator)
    assert float((noisy - image).std()) == pytest.approx(2.0, rel=0.2)
    assert torch.allclose(sample(score, start, levels, config, generator), image, atol=1e-5)


def test_probability_flow_follows_the_known_path(gaussian):
    variance = 0.25

    def score(x, sigma):
        return -x / (variance + sigma.view(-1, 1, 1, 1, 1) ** 2)

    start = torch.full((2, *SHAPE), 3.0)
    levels = VarianceExploding(0.01, 4).noise_levels(60, 4, 0.01)
    config = SamplerConfig(steps=60, predictor="ode", corrector_steps=0)
    end = sample(score, start, levels, config, torch.Generator())
    assert torch.allclose(end, start * (variance / (variance + 16)) ** 0.5, rtol=2e-3)


def test_langevin_step_size_comes_from_each_sample_alone():
    """snr 0.17: noise of norm |z| and slope of norm |g| give a step of 2 (0.17 |z| / |g|)^2."""
    x = torch.stack([torch.ones(SHAPE), 100 * torch.ones(SHAPE)])
    sigma = torch.tensor(1.0)
    moved = langevin_step(lambda x, s: -x, x, sigma, 0.17, torch.Generator().manual_seed(0))
    noise = unit_noise(x, torch.Generator().manual_seed(0))
    for i, value in enumerate([1.0, 100.0]):
        size = 2 * (0.17 * noise[i].norm() / (value * DIMENSIONS**0.5)) ** 2
        assert torch.allclose(moved[i], value - size * value + (2 * size).sqrt() * noise[i], rtol=1e-5)


@pytest.mark.parametrize("predictor", ["reverse-diffusion", "ancestral", "ode"])
@pytest.mark.parametrize("corrector_steps", [0, 2])
def test_evaluations_are_those_counted(predictor, corrector_steps):
    calls = []

    def score(x, sigma):
        calls.append(float(sigma[0]))
        return -x

    config = SamplerConfig(steps=5, predictor=predictor, corrector_steps=corrector_steps)
    levels = torch.logspace(0, -2, 5)
    sample(score, torch.ones(1, *SHAPE), levels, config, torch.Generator())
    assert len(calls) == config.evaluations
    assert set(calls) == {float(level) for level in levels}


def test_one_step_is_the_expected_image():
    config = SamplerConfig(steps=1, corrector_steps=0)
    x = torch.full((1, *SHAPE), 2.0)
    end = sample(lambda x, sigma: -x / 4, x, torch.tensor([1.0]), config, torch.Generator())
    assert torch.allclose(end, torch.full_like(end, 1.5))


def test_held_values_end_as_they_are():
    known = torch.arange(24.0).view(1, *SHAPE)
    levels = torch.logspace(0, -2, 6)
    seen = []

    def hold(x, sigma):
        seen.append(float(sigma))
        return torch.where(known > 11, known + sigma, x)

    config = SamplerConfig(steps=6, corrector_steps=1)
    end = sample(lambda x, s: -x, known.clone(), levels, config, torch.Generator().manual_seed(0), hold)
    assert torch.equal(end[known > 11], known[known > 11])
    assert not torch.equal(end[known <= 11], known[known <= 11])
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 0


def test_same_seed_same_sample_and_another_seed_another():
    def run(seed):
        generator = torch.Generator().manual_seed(seed)
        return sample(lambda x, s: -x, torch.ones(2, *SHAPE), torch.logspace(0, -2, 4), SamplerConfig(), generator)

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


@pytest.mark.parametrize(("runs", "at_once", "sizes"), [(10, 10, [10]), (10, 4, [3, 3, 4]), (2, 1, [1, 1])])
def test_batches_hold_every_run_once(runs, at_once, sizes):
    batches = in_batches(runs, at_once)
    assert [len(batch) for batch in batches] == sizes
    assert [run for batch in batches for run in batch] == list(range(runs))
