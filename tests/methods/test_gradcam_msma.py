"""GradCAM-MSMA beyond the contract: gradients that add up, a guide that only guides, a blob that lights up."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store
from methods.diffusion.score_model import ScoreModel, build_network
from methods.diffusion.tiny import tiny_score_model
from methods.gradcam_msma import (
    GradCAMConfig,
    GradCAMMSMA,
    GuidedSiLU,
    LevelLikelihood,
    allow_guided_backpropagation,
    guided_gradient,
    likelihood_slopes,
)
from methods.msma.mixture import NormMixture, NormMixtureConfig, fit_mixture, log_norm


@pytest.fixture
def model():
    """An untrained model whose last convolutions are not zero, so that scores depend on the image."""
    config = tiny_score_model().model_copy(update={"bfloat16": False})
    network = build_network(config, 2, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for weights in network.parameters():
        weights.data += 0.05 * torch.randn(weights.shape, generator=generator)
    return ScoreModel(config, network, "cpu")


def test_gradients_of_the_levels_add_up_to_that_of_the_likelihood(model):
    config = NormMixtureConfig(noise_levels=3, highest_sigma=0.8, lowest_sigma=0.1)
    values = torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    mixture = NormMixture(config, model, fit_mixture(values, config, seed=0))
    image = torch.randn(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(3)).requires_grad_()
    brain_mask = torch.ones(8, 8, 8, dtype=torch.bool)
    norms = torch.stack([log_norm(model.noise_direction(image, s[None])[0], brain_mask) for s in mixture.noise_levels])
    (whole,) = torch.autograd.grad(mixture.negative_log_likelihood(norms), image)
    added = torch.zeros_like(image)
    slopes = likelihood_slopes(mixture, norms.detach())
    for sigma, slope in zip(mixture.noise_levels, slopes, strict=True):
        added += torch.autograd.grad(LevelLikelihood(model, sigma, slope, brain_mask)(image).sum(), image)[0]
    assert torch.allclose(added, whole, atol=1e-5 * float(whole.abs().max()))


def test_the_guide_changes_no_value_and_no_ordinary_gradient(model):
    plain = copy.deepcopy(model.network)
    allow_guided_backpropagation(model.network)
    assert any(isinstance(m, GuidedSiLU) for m in model.network.modules())
    assert not any(isinstance(m, GuidedSiLU) for m in model.network.embed.modules())
    image = torch.randn(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    sigma = torch.tensor([0.3])
    outputs = [network(image, sigma) for network in (plain, model.network)]
    assert torch.equal(*outputs)
    gradients = [torch.autograd.grad(out.square().sum(), image)[0] for out in outputs]
    assert torch.allclose(*gradients)


def test_guided_backpropagation_lets_no_negative_gradient_through_an_activation():
    x = torch.tensor([[[[[1.0, -0.5, 2.0]]]]])

    class OneLayer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.activation = GuidedSiLU()

        def forward(self, image):
            return (self.activation(image) * torch.tensor([1.0, 1.0, -1.0])).sum()[None]

    gradient = guided_gradient(OneLayer(), x[0])
    slope = torch.autograd.functional.jacobian(lambda v: F.silu(v).sum(), x)
    assert gradient.flatten()[0] == pytest.approx(float(slope.flatten()[0]))
    assert gradient.flatten()[2] == 0


def test_a_planted_blob_lights_up(tmp_path):
    dataset = tiny_dataset(channels=("T1w",), train=6)
    score_model = tiny_score_model().model_copy(update={"width": 8, "iterations": 100, "bfloat16": False})
    mixture = NormMixtureConfig(noise_levels=2, highest_sigma=0.3, lowest_sigma=0.1)
    config = GradCAMConfig(score_model=score_model, mixture=mixture, join_channels="absolute")
    store = Store(tmp_path, shipped=None)
    detector = fitted_detector(GradCAMMSMA, config, dataset, store, 0, "cpu", SilentReporter()).detector
    healthy = dataset.validation[0]
    image = healthy.image.copy()
    blob = np.linalg.norm(np.indices((32, 32, 32)) - np.array([18, 14, 16])[:, None, None, None], axis=0) < 3
    image[0][blob] = 1.0
    anomaly_map = detector.score(replace(healthy, image=image))
    assert anomaly_map[blob].mean() > 4 * anomaly_map[healthy.brain_mask & ~blob].mean()
    assert not anomaly_map[~healthy.brain_mask].any()
