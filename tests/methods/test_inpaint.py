"""Inpaint beyond the contract: known voxels stay, hidden ones follow the known ones."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from methods.diffusion.checkerboard import hidden_half
from methods.diffusion.sampler import SamplerConfig, sample, unit_noise
from methods.diffusion.sde import VarianceExploding
from methods.inpaint import HealthyInpainting, Inpaint, InpaintConfig, guess, known_voxels
from methods.parts.healthy import RelativeMaps


def inpaint(model, **settings):
    config = {"score_model": {"sigma_min": 0.02, "sigma_max": 3.0}, "sampler": SamplerConfig(steps=20), **settings}
    detector = Inpaint(InpaintConfig(**config))
    detector.maps = RelativeMaps(HealthyInpainting, detector.config, model, SimpleNamespace(seed=0))
    return detector


def test_known_voxels_are_noised_to_each_level_and_kept_at_the_end():
    image = torch.linspace(-1, 1, 2 * 10**3).view(2, 10, 10, 10)
    hidden = hidden_half((10, 10, 10), 3, "checkerboard", 0)[None, None]
    hold = known_voxels(image, hidden, torch.Generator().manual_seed(0))
    sampled = torch.full((1, *image.shape), 7.0)
    held = hold(sampled, torch.tensor(0.5))
    known = ~hidden.expand_as(held)
    assert torch.equal(held[~known], sampled[~known])
    assert float((held - image)[known].std()) == pytest.approx(0.5, rel=0.1)
    levels = VarianceExploding(0.02, 3).noise_levels(5, 3.0, 0.02)
    end = sample(lambda x, s: -x, sampled, levels, SamplerConfig(), torch.Generator().manual_seed(1), hold)
    assert torch.equal(end[known], image.expand_as(end)[known])
    assert not torch.equal(end[~known], image.expand_as(end)[~known])


def test_hidden_voxels_are_sampled_given_the_known_ones():
    """Data: a Gaussian whose neighbours are alike. The runs' mean is near the closed-form conditional mean."""
    shape, count = (4, 4, 4), 64
    places = torch.cartesian_prod(*[torch.arange(4.0)] * 3)
    covariance = torch.exp(-torch.cdist(places, places) / 3) + 1e-3 * torch.eye(count)
    image = torch.linalg.cholesky(covariance) @ torch.randn(count, generator=torch.Generator().manual_seed(0))
    hidden = hidden_half(shape, 1, "checkerboard", 0)
    h, k = hidden.flatten(), ~hidden.flatten()
    expected = covariance[h][:, k] @ torch.linalg.solve(covariance[k][:, k], image[k])

    def score(x, sigma):
        precision = torch.linalg.inv(covariance + sigma[0] ** 2 * torch.eye(count))
        return -(x.flatten(1) @ precision).view(x.shape)

    generator = torch.Generator().manual_seed(1)
    levels = VarianceExploding(0.02, 10).noise_levels(60, 10, 0.02)
    start = levels[0] * unit_noise(torch.zeros(200, 1, *shape), generator)
    hold = known_voxels(image.view(1, *shape), hidden[None, None].expand(200, 1, *shape), generator)
    runs = sample(score, start, levels, SamplerConfig(steps=60, corrector_steps=2), generator, hold)
    error = (runs.flatten(1)[:, h].mean(dim=0) - expected).square().mean().sqrt()
    assert error < 0.15 * expected.square().mean().sqrt()


@pytest.mark.parametrize("mask", ["checkerboard", "authors-code"])
def test_the_map_is_the_distance_to_the_healthy_image(gaussian_model, case, mask):
    anomaly_map = inpaint(gaussian_model, runs=4, runs_at_once=3, mask=mask).score(case)
    expected = np.abs(case.image).sum(axis=0)
    assert np.corrcoef(anomaly_map[case.brain_mask], expected[case.brain_mask])[0, 1] > 0.99
    assert np.abs(anomaly_map - expected)[case.brain_mask].mean() < 0.05
    assert not anomaly_map[~case.brain_mask].any()


def test_nothing_of_the_hidden_voxels_is_in_the_first_guess():
    image = torch.rand(2, 12, 12, 12, generator=torch.Generator().manual_seed(0))
    hidden = hidden_half((12, 12, 12), 3, "checkerboard", 0)[None, None]
    first = guess(image, hidden, 3)
    other = torch.where(hidden[0], 9.0, image)
    assert torch.equal(first, guess(other, hidden, 3))
    assert torch.equal(first[0][~hidden[0].expand_as(image)], image[~hidden[0].expand_as(image)])
    assert torch.allclose(guess(torch.full_like(image, 0.3), hidden, 3), torch.tensor(0.3))


def test_sampling_starts_at_the_models_highest_noise_level(gaussian_model, case):
    seen = []
    direction = gaussian_model.noise_direction
    gaussian_model.noise_direction = lambda x, sigma: (seen.append(float(sigma[0])), direction(x, sigma))[1]
    inpaint(gaussian_model, sampler=SamplerConfig(steps=3), runs=2).score(case)
    assert max(seen) == pytest.approx(3.0)
    assert min(seen) == pytest.approx(0.02)
    assert gaussian_model.network_evaluations == 2 * SamplerConfig(steps=3).evaluations


@pytest.mark.parametrize("hidden", [True, False])
def test_a_hidden_background_tells_the_runs_nothing(gaussian_model, case, hidden):
    settings = {"hide_background": hidden, "sampler": SamplerConfig(steps=2), "runs": 2, "start_sigma": 0.05}
    other = replace(case, image=np.where(case.brain_mask, case.image, 0.5).astype(np.float32))
    one, two = (inpaint(gaussian_model, **settings).score(each) for each in (case, other))
    assert np.array_equal(one, two) == hidden


def test_a_case_takes_20_000_evaluations_by_default():
    config = InpaintConfig()
    assert (config.sampler.steps, config.runs, config.cell_voxels, config.mask) == (1000, 10, 3, "checkerboard")
    assert config.runs * config.sampler.evaluations == 20_000
    assert config.hide_background
