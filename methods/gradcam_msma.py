"""GradCAM-MSMA: which voxels make the image's score norms unlikely, by Guided Grad-CAM."""

import warnings
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import ScoreNetwork
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.msma.mixture import NormMixture, NormMixtureConfig, norm_region, whole_image_norm, whole_image_norms
from methods.parts.healthy import HealthyMean, RelativeConfig, RelativeMaps

Layer = Literal["input", "output"]


class GradCAMConfig(RelativeConfig):
    """Settings of the method. Each default says whose value it is."""

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    mixture: NormMixtureConfig = Field(NormMixtureConfig(), description="density of whole-image score norms")
    join_channels: Literal["sum", "absolute"] = Field(
        "sum", description="gradients of channels added with their signs, or their absolute values (authors' code)"
    )
    attention: Literal["relu", "lifted"] = Field(
        "relu",
        description="Grad-CAM with negative sums cut off, or with all sums, raised so that the lowest is 0 "
        "(authors' code)",
    )
    layer: Layer = Field(
        "input", description="Grad-CAM at what goes into the last up block, or comes out of it (authors' code)"
    )


class GradCAMMSMA(Detector[GradCAMConfig]):
    """Guided Grad-CAM of the negative log-likelihood of the whole image's score norms.

    Idea: the density says that an image is odd; the gradient says which voxels make it so. Grad-CAM at the last
    up block times guided backpropagation to the image, each summed over noise levels. Source: paper section 5.3;
    Selvaraju et al. 2017.
    """

    info = MethodInfo(
        name="gradcam-msma",
        title="GradCAM-MSMA",
        reference="Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74",
        paper_row="GradCAM-MSMA",
    )

    @classmethod
    def contract_config(cls) -> GradCAMConfig:
        mixture = NormMixtureConfig(noise_levels=2, highest_sigma=0.5, lowest_sigma=0.1)
        return GradCAMConfig(score_model=tiny_score_model(), mixture=mixture, attention="lifted", healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """The diffusion model, and the mixture over its norms."""
        model = context.fitted(ScoreModel, self.config.score_model)
        mixture = context.fitted(NormMixture, self.config.mixture, upstream=model)
        allow_guided_backpropagation(model.network)
        self.maps = RelativeMaps(HealthyAttribution, self.config, mixture, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


def attribution(config: GradCAMConfig, mixture: NormMixture, seed: int, case: Case) -> FloatArray:
    """Guided Grad-CAM of one case: (X, Y, Z) float32, zero outside the brain; nothing is drawn."""
    model = mixture.model
    box, inside = norm_region(mixture.config, model, case)
    image = torch.from_numpy(case.image[(slice(None), *box)].copy()).to(model.device)
    brain_mask = torch.from_numpy(case.brain_mask[box]).to(model.device)
    slopes = likelihood_slopes(mixture, whole_image_norms(mixture.config, model, case, mixture.noise_levels))
    attention, gradient = torch.zeros_like(image[0]), torch.zeros_like(image)
    for sigma, slope in zip(mixture.noise_levels, slopes, strict=True):
        at_level = LevelLikelihood(mixture, sigma, slope, inside)
        attention += grad_cam(at_level, image, config.layer, relu=config.attention == "relu")
        gradient += guided_gradient(at_level, image)
    if config.attention == "lifted":
        attention -= attention[brain_mask].min()
    joined = gradient.abs().sum(dim=0) if config.join_channels == "absolute" else gradient.sum(dim=0)
    anomaly_map = np.zeros(case.brain_mask.shape, dtype=np.float32)
    anomaly_map[box] = (attention * joined * brain_mask).cpu().numpy()
    return anomaly_map


class HealthyAttribution(HealthyMean[GradCAMConfig, NormMixture]):
    """Mean attribution of healthy images."""

    name = "healthy-attribution"

    raw_map = staticmethod(attribution)


class GuidedSiLU(nn.ReLU):
    """SiLU that captum takes for a ReLU: guided backpropagation then stops negative gradients at it.

    Without guided backpropagation it does what SiLU does, values and gradients.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


def allow_guided_backpropagation(network: ScoreNetwork) -> None:
    """Put GuidedSiLU in the place of every SiLU that the image passes; the network computes the same."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.SiLU) and module is not network.embed:
                setattr(module, name, GuidedSiLU())


def likelihood_slopes(mixture: NormMixture, norms: Tensor) -> Tensor:
    """(L,) derivatives of the negative log-likelihood with respect to the norm of each noise level."""
    norms = norms.double().requires_grad_()
    (slopes,) = torch.autograd.grad(mixture.negative_log_likelihood(norms), norms)
    return slopes


class LevelLikelihood(nn.Module):
    """One noise level's term of the gradient of the negative log-likelihood, as a function of the image.

    By the chain rule, the gradients of all levels add up to that of the likelihood itself; one level at a time
    takes the memory of one network pass.
    """

    def __init__(self, mixture: NormMixture, sigma: Tensor, slope: Tensor, inside: Tensor) -> None:
        super().__init__()
        self.network = mixture.model.network  # captum looks for activations among the submodules
        self.config, self.model = mixture.config, mixture.model
        self.sigma, self.slope, self.inside = sigma.to(self.model.device), float(slope), inside

    def forward(self, images: Tensor) -> Tensor:
        """(1, C, X, Y, Z) -> (1,)."""
        direction = self.model.noise_direction(images, self.sigma[None])[0]
        return self.slope * whole_image_norm(self.config, direction, self.inside)[None]


def grad_cam(likelihood: LevelLikelihood, image: Tensor, layer: Layer, relu: bool = True) -> Tensor:
    """(X, Y, Z): channels at the last up block, weighted by their mean gradient; relu cuts off negative sums."""
    from captum.attr import LayerGradCam

    last_block = likelihood.network.up[0][-1]  # type: ignore[index]
    found = LayerGradCam(likelihood, last_block).attribute(
        image[None].requires_grad_(), attribute_to_layer_input=layer == "input", relu_attributions=relu
    )
    # What goes into the block is an image's features, and then the embedding of the noise level.
    features: Tensor = found[0] if isinstance(found, tuple) else found
    return features[0, 0].detach().float()


def guided_gradient(likelihood: LevelLikelihood, image: Tensor) -> Tensor:
    """(C, X, Y, Z) gradient at the image by guided backpropagation."""
    from captum.attr import GuidedBackprop

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations")
        attribution: Tensor = GuidedBackprop(likelihood).attribute(image[None].requires_grad_())
    return attribution[0].detach().float()
