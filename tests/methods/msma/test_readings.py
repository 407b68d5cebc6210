from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datasets.case import Case
from methods.parts.smoothing import grown
from tests.methods.msma.smooth_brains import SHAPE, brain, fitted


def test_one_sided_maps_do_not_see_norms_that_are_too_small() -> None:
    case = brain(9, quiet=0.02)
    centre = (10, 10, 10)
    both, one = (fitted(density="gaussian", one_sided=side) for side in (False, True))
    assert both.negative_log_likelihood(case)[centre] > np.quantile(both.negative_log_likelihood(case), 0.99)
    at_the_mean = torch.distributions.Normal(0, grown(one.moments.sd, SHAPE)).log_prob(torch.tensor(0.0))
    healthy_mean = float(-at_the_mean.sum(0)[centre])
    assert one.negative_log_likelihood(case)[centre] == pytest.approx(healthy_mean, rel=1e-4)


def test_the_gaussian_is_the_normal_density_of_the_log_norms() -> None:
    found = fitted(density="gaussian", noise_levels=1)
    case = brain(9)
    log_norms = found.features(case).float()[:, 0]
    mean, sd = (grown(moments, SHAPE).ravel() for moments in found.moments)
    expected = -torch.distributions.Normal(mean, sd).log_prob(log_norms)
    values = found.negative_log_likelihood(case)
    torch.testing.assert_close(torch.from_numpy(values.ravel()), expected, rtol=1e-4, atol=1e-4)


def test_the_flow_is_a_density_of_the_log_norms() -> None:
    """Its density over one log norm, all else held, sums to one."""
    found = fitted(noise_levels=1)
    case = brain(9)
    patches = found.patches(case, found.features(case).float())
    assert found.density is not None
    grid = torch.linspace(-12, 12, 2401)[:, None]
    one_place = patches._replace(norms=grid, coordinates=patches.coordinates[:1].expand(len(grid), -1))
    total = found.density.log_likelihood(one_place, "cpu").exp().sum() * 0.01
    assert total == pytest.approx(1, abs=0.01)


def soft_lesion() -> Case:
    """A large region that is brighter by a third of the noise: no voxel of it is odd."""
    case = brain(9)
    case.image[:, 3:12, 3:12, 3:12] += 0.04
    return case


@pytest.mark.parametrize("density", ["flow", "gaussian"])
def test_signed_means_see_a_soft_lesion_that_norms_do_not(density: str) -> None:
    case = soft_lesion()
    apart = {}
    for features in ("norm", "mean", "norm+mean"):
        changes: dict[str, Any] = {"features": features, "mean_sizes": (5,), "density": density, "steps": 30}
        found = fitted(**changes, noise_levels=1, one_sided=True, reading="standardised")
        values = found.negative_log_likelihood(case)
        inside, outside = values[5:10, 5:10, 5:10], values[13:, 13:, 13:]
        apart[features] = (np.median(inside) - np.median(outside)) / values.std()
    assert apart["mean"] > 1 > abs(apart["norm"]) + 0.5, apart
    assert apart["norm+mean"] > apart["norm"], apart


def test_one_sided_leaves_signed_means_both_sides() -> None:
    bright, dark = brain(9), brain(9)
    bright.image[:, 3:12, 3:12, 3:12] += 0.2
    dark.image[:, 3:12, 3:12, 3:12] -= 0.2
    found = fitted(density="gaussian", features="mean", mean_sizes=(5,), one_sided=True)
    for case in (bright, dark):
        values = found.negative_log_likelihood(case)
        assert values[5:10, 5:10, 5:10].min() > np.quantile(values[13:, 13:, 13:], 0.99)


def test_the_gaussian_s_readings_by_hand() -> None:
    case = brain(9, lesion=0.5)
    found = fitted(density="gaussian", features="norm+mean", noise_levels=2)
    z = found.patches(case, found.features(case)).norms
    likelihood = found.negative_log_likelihood(case).ravel()
    log_sd = grown(found.moments.sd, SHAPE).log().sum(dim=0).ravel()
    found.config = found.config.model_copy(update={"reading": "standardised"})
    standardised = found.negative_log_likelihood(case).ravel()
    expected = -torch.distributions.Normal(0, 1).log_prob(z).sum(dim=1)
    torch.testing.assert_close(torch.from_numpy(standardised), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(likelihood, standardised + log_sd.numpy(), rtol=1e-3, atol=1e-3)
    found.config = found.config.model_copy(update={"reading": "largest"})
    largest = found.negative_log_likelihood(case).ravel()
    torch.testing.assert_close(torch.from_numpy(largest), z.abs().amax(dim=1) ** 2)


def test_with_its_own_moments_a_rougher_scan_looks_like_any_other() -> None:
    """Its texture is stronger everywhere; the lesion still stands out."""
    case = brain(9, lesion=0.5)
    rougher = replace(case, image=3 * case.image)
    plain, own = (
        fitted(density="gaussian", one_sided=True, reading="standardised", case_moments=moments)
        for moments in (False, True)
    )
    values, changed = (own.negative_log_likelihood(one) for one in (case, rougher))
    assert np.median(changed) == pytest.approx(np.median(values), rel=0.05)
    assert np.median(plain.negative_log_likelihood(rougher)) > 2 * np.median(plain.negative_log_likelihood(case))
    assert changed[5, 5, 5] > np.quantile(changed, 0.995)
