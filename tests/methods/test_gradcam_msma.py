"""GradCAM-MSMA beyond the contract: gradients that add up, a guide that only guides, a blob that lights up."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.choice import ChosenMethod
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
    grad_cam,
    guided_gradient,
    likelihood_slopes,
)
from methods.msma.mixture import NormMixture, NormMixtureConfig, fit_mixture, whole_image_norm


@pytest.fixture
def model():
    """An untrained model whose last convolutions are not zero, so that scores depend on the image."""
    config = tiny_score_model().model_copy(update={"bfloat16": False})
    network = build_network(config, 2, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for weights in network.parameters():
        weights.data += 0.05 * torch.randn(weights.shape, generator=generator)
    return ScoreModel(config, network, "cpu")


@pytest.mark.parametrize("norms", ["raw", "log"])
def test_gradients_of_the_levels_add_up_to_that_of_the_likelihood(model, norms):
    config = NormMixtureConfig(noise_levels=3, highest_sigma=0.8, lowest_sigma=0.1, norms=norms, regularisation=0.05)
    values = 3 + torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    mixture = NormMixture(config, model, fit_mixture(values, config, seed=0))
    image = torch.randn(1, 2, 8, 8, 8, generator=torch.Generator().manual_seed(3)).requires_grad_()
    inside = torch.ones(8, 8, 8, dtype=torch.bool)
    directions = [model.noise_direction(image, sigma[None])[0] for sigma in mixture.noise_levels]
    norms = torch.stack([whole_image_norm(config, direction, inside) for direction in directions])
    (whole,) = torch.autograd.grad(mixture.negative_log_likelihood(norms), image)
    added = torch.zeros_like(image)
    slopes = likelihood_slopes(mixture, norms.detach())
    for sigma, slope in zip(mixture.noise_levels, slopes, strict=True):
        added += torch.autograd.grad(LevelLikelihood(mixture, sigma, slope, inside)(image).sum(), image)[0]
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


def test_grad_cam_weighs_what_goes_into_the_last_up_block_or_comes_out_of_it(model):
    config = NormMixtureConfig(noise_levels=1, highest_sigma=0.3, lowest_sigma=0.1)
    mixture = NormMixture(config, model, fit_mixture(3 + torch.randn(30, 1), config, seed=0))
    likelihood = LevelLikelihood(mixture, mixture.noise_levels[0], torch.tensor(2.0), torch.ones(8, 8, 8) > 0)
    image = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(3))
    seen = {}

    def keep(block, inputs, output):
        seen.update(input=inputs[0], output=output)

    hook = model.network.up[0][-1].register_forward_hook(keep)
    value = likelihood(image[None].requires_grad_())
    hook.remove()
    for layer, features in seen.items():
        (gradient,) = torch.autograd.grad(value, features, retain_graph=True)
        expected = (features * gradient.mean(dim=(2, 3, 4), keepdim=True)).sum(dim=1)[0]
        for relu in (True, False):
            found = grad_cam(likelihood, image, layer, relu)
            torch.testing.assert_close(found, (expected.relu() if relu else expected).detach())
    assert GradCAMConfig().layer == "input"


@pytest.mark.parametrize(
    ("mixture", "layer", "times"),
    [({"norms": "log", "covariance": "diagonal", "regularisation": 0.05}, "output", 4), ({}, "input", 2)],
)
def test_a_planted_blob_lights_up(tmp_path, mixture, layer, times):
    dataset = tiny_dataset(channels=("T1w",), train=6)
    score_model = tiny_score_model().model_copy(update={"width": 8, "iterations": 100, "bfloat16": False})
    mixture = NormMixtureConfig(noise_levels=2, highest_sigma=0.3, lowest_sigma=0.1, **mixture)
    config = GradCAMConfig(score_model=score_model, mixture=mixture, join_channels="absolute", layer=layer)
    store = Store(tmp_path, shipped=None)
    detector = fitted_detector(
        ChosenMethod(GradCAMMSMA, config, "cpu", 0, "cpu"), dataset, store, SilentReporter()
    ).detector
    healthy = dataset.validation[0]
    image = healthy.image.copy()
    blob = np.linalg.norm(np.indices((32, 32, 32)) - np.array([18, 14, 16])[:, None, None, None], axis=0) < 3
    image[0][blob] = 1.0
    anomaly_map = detector.score(replace(healthy, image=image))
    assert anomaly_map[blob].mean() > times * anomaly_map[healthy.brain_mask & ~blob].mean()
    assert not anomaly_map[~healthy.brain_mask].any()
