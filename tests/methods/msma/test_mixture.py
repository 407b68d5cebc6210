"""The mixture's likelihood is the closed form's, and fitting finds what the norms were drawn from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

from bench.errors import BenchError
from datasets.case import Case
from methods.diffusion.sde import VarianceExploding
from methods.msma.mixture import NormMixture, NormMixtureConfig, fit_mixture, norm_region, whole_image_norm

MODEL = SimpleNamespace(process=VarianceExploding(0.06, 545))


def drawn(count, seed=0):
    """Log norms of two kinds of images at three levels, correlated across levels."""
    rng = np.random.default_rng(seed)
    mix = np.array([[1, 0, 0], [0.9, 0.3, 0], [0.5, 0.2, 0.4]])
    values = rng.standard_normal((count, 3)) @ mix.T * 0.1
    values += np.where(rng.random((count, 1)) < 0.3, [[2.0, 1.0, 0.0]], 0.0)
    return torch.from_numpy(values)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_likelihood_is_the_closed_form(covariance):
    config = NormMixtureConfig(noise_levels=3, gaussians=3, covariance=covariance)
    parts = fit_mixture(drawn(300), config, seed=0)
    mixture = NormMixture(config, MODEL, parts)
    point = np.array([0.3, -0.2, 0.1])
    z = (point - parts["mean"].numpy()) / parts["sd"].numpy()
    terms = [
        np.log(w) + stats.multivariate_normal(m, c @ c.T).logpdf(z)
        for w, m, c in zip(*(parts[n].numpy() for n in ("weights", "means", "cholesky")), strict=True)
    ]
    expected = -logsumexp(terms) + np.log(parts["sd"].numpy()).sum()
    assert float(mixture.negative_log_likelihood(torch.from_numpy(point))) == pytest.approx(expected, rel=1e-9)


def test_one_gaussian_is_fitted_by_maximum_likelihood():
    config = NormMixtureConfig(noise_levels=3, gaussians=1, covariance="full", regularisation=1e-9)
    values = drawn(200)
    mixture = NormMixture(config, MODEL, fit_mixture(values, config, seed=0))
    closed = stats.multivariate_normal(values.mean(dim=0).numpy(), np.cov(values.T.numpy(), bias=True))
    for point in values[:5]:
        assert float(mixture.negative_log_likelihood(point)) == pytest.approx(-closed.logpdf(point.numpy()), rel=1e-5)


def test_it_finds_both_kinds_of_images_and_what_is_neither():
    config = NormMixtureConfig(noise_levels=3, gaussians=2, regularisation=1e-3)
    parts = fit_mixture(drawn(400), config, seed=0)
    assert sorted(parts["weights"].tolist()) == pytest.approx([0.3, 0.7], abs=0.06)
    mixture = NormMixture(config, MODEL, parts)
    typical, between = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([1.0, 0.5, 0.0])
    assert mixture.negative_log_likelihood(between) > mixture.negative_log_likelihood(typical) + 5


@pytest.mark.parametrize(("count", "gaussians"), [(2, 1), (4, 1), (64, 6), (300, 10)])
def test_few_cases_bear_few_gaussians_and_stay_finite(count, gaussians):
    config = NormMixtureConfig(noise_levels=3)
    parts = fit_mixture(drawn(count), config, seed=0)
    assert len(parts["weights"]) == gaussians
    nats = NormMixture(config, MODEL, parts).negative_log_likelihood(drawn(count)[0])
    assert torch.isfinite(nats)


def test_the_norm_is_that_of_the_volume_or_the_logarithm_of_the_brains():
    direction = torch.full((2, 4, 4, 4), 3.0)
    direction[:, 2:] = 100.0
    brain_mask = torch.zeros(4, 4, 4, dtype=torch.bool)
    brain_mask[:2] = True
    case = Case("sub-1", np.zeros((2, 4, 4, 4), np.float32), brain_mask.numpy(), None, np.eye(4), ("T1w", "T2w"))
    model = SimpleNamespace(multiple_of=1, device="cpu")
    for norms, expected in (("raw", np.sqrt(64 * 9 + 64 * 1e4)), ("log", np.log(3 * 2**0.5))):
        config = NormMixtureConfig(norms=norms)
        box, inside = norm_region(config, model, case)
        assert float(whole_image_norm(config, direction[(slice(None), *box)], inside)) == pytest.approx(expected)
        assert torch.isfinite(whole_image_norm(config, torch.zeros(2, *inside.shape), inside))


def test_the_unit_of_the_norms_changes_the_nats_by_its_logarithm_and_no_more():
    config = NormMixtureConfig(noise_levels=3, gaussians=2)
    norms = drawn(200).exp() * torch.tensor([300.0, 20.0, 0.5])
    one, other = (NormMixture(config, MODEL, fit_mixture(k * norms, config, seed=0)) for k in (1, 1000))
    for point in norms[:3]:
        apart = other.negative_log_likelihood(1000 * point) - one.negative_log_likelihood(point)
        assert float(apart) == pytest.approx(3 * np.log(1000), rel=1e-5)


def test_one_case_is_too_few():
    with pytest.raises(BenchError, match="at least 2 training cases"):
        fit_mixture(drawn(1), NormMixtureConfig(noise_levels=3), seed=0)
