"""Mixture of Gaussians over whole-image score norms, as a component: the density of MSMA without places.

Source: paper section 5.3 (GradCAM-MSMA); Mahmood, Oliva, Styner 2021, "Multiscale Score Matching for
Out-of-Distribution Detection". The norms, or their logarithms, are standardised by their healthy mean and standard
deviation; a mixture is then fitted by expectation maximisation (scikit-learn). Standardising changes units alone: it
makes the regularisation mean the same at every noise level.
"""

import math
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench.component import Component, ComponentConfig, FitContext
from bench.errors import BenchError
from bench.seeds import derived_seed
from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.msma.score_norms import watched
from methods.parts.images import Box, brain_box

CASES_PER_GAUSSIAN = 10  # fewer would let a Gaussian settle on a handful of cases


class NormMixtureConfig(ComponentConfig):
    """Settings of the mixture. Each default says whose value it is."""

    noise_levels: int = Field(10, ge=1, le=200, description="how many noise levels (authors' code)")
    highest_sigma: float = Field(
        545.0, gt=0, description="highest noise level, on the [-1, 1] image scale (authors' code: that of t = 1)"
    )
    lowest_sigma: float = Field(
        0.0657, gt=0, description="lowest noise level, on the [-1, 1] image scale (authors' code: that of t = 0.01)"
    )
    norms: Literal["raw", "log"] = Field(
        "raw",
        description="raw: the L2 norm over the whole volume (paper); log: the logarithm of the root mean square over "
        "the brain",
    )
    gaussians: int = Field(
        10, ge=1, le=100, description="at most (authors' code); one for every ten training cases at most (ours)"
    )
    covariance: Literal["diagonal", "full"] = Field("full", description="of each Gaussian (authors' code)")
    regularisation: float = Field(
        1e-3, gt=0, description="added to the variances of the norms in standard deviations (ours)"
    )


class NormMixture(Component[NormMixtureConfig, ScoreModel]):
    """Negative log-likelihood of an image's score norms, differentiable with respect to them.

    weights: (K,); means: (K, L) and cholesky: (K, L, L) of the standardised norms; mean, sd: (L,) of the norms of
    healthy cases.
    """

    name = "norm-mixture"

    def __init__(self, config: NormMixtureConfig, model: ScoreModel, parts: dict[str, Tensor]) -> None:
        self.config = config
        self.model = model
        self.parts = parts
        self.figures = {"gaussians": float(len(parts["weights"]))}
        self.noise_levels = model.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)

    @classmethod
    def train(cls, config: NormMixtureConfig, context: FitContext, upstream: ScoreModel) -> Self:
        levels = upstream.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)
        norms, held_out = (
            torch.stack([whole_image_norms(config, upstream, case, levels) for case in watched(cases, context, split)])
            for cases, split in ((context.train, "training"), (context.validation, "validation"))
        )
        found = cls(config, upstream, fit_mixture(norms, config, derived_seed(context.seed, "norm-mixture")))
        nats = torch.stack([found.negative_log_likelihood(n) for n in held_out]).mean()
        found.figures = {**found.figures, "validation_nats": float(nats)}
        return found

    def state(self) -> dict[str, Tensor]:
        return self.parts

    @classmethod
    def restore(cls, config: NormMixtureConfig, state: dict[str, Tensor], device: str, upstream: ScoreModel) -> Self:
        return cls(config, upstream, {name: value.double() for name, value in state.items()})

    def negative_log_likelihood(self, norms: Tensor) -> Tensor:
        """() from (L,) norms as `whole_image_norms` gives them, in nats; in double precision on the CPU."""
        parts = self.parts
        standardised = (norms.double().cpu() - parts["mean"]) / parts["sd"]
        gaussians = torch.distributions.MultivariateNormal(parts["means"], scale_tril=parts["cholesky"])
        log_prob = gaussians.log_prob(standardised)  # type: ignore[no-untyped-call]
        joint = log_prob + parts["weights"].log() - parts["sd"].log().sum()
        return -torch.logsumexp(joint, dim=0)


def fit_mixture(norms: Tensor, config: NormMixtureConfig, seed: int) -> dict[str, Tensor]:
    """Fit to the norms (N, L) of N healthy images; the number of Gaussians is held to what N can bear."""
    from sklearn.mixture import GaussianMixture

    if len(norms) < 2:
        raise BenchError("GradCAM-MSMA needs at least 2 training cases to know how score norms vary: add some.")
    values = norms.double()
    mean, sd = values.mean(dim=0), values.std(dim=0, correction=0).clamp(min=1e-6)
    mixture = GaussianMixture(
        n_components=max(1, min(config.gaussians, len(values) // CASES_PER_GAUSSIAN)),
        covariance_type="diag" if config.covariance == "diagonal" else "full",
        reg_covar=config.regularisation,
        n_init=5,
        max_iter=500,
        random_state=seed % 2**32,
    ).fit(((values - mean) / sd).numpy())
    variances = mixture.covariances_
    if config.covariance == "diagonal":
        variances = np.stack([np.diag(v) for v in variances])
    return {
        "weights": torch.from_numpy(mixture.weights_),
        "means": torch.from_numpy(mixture.means_),
        "cholesky": torch.linalg.cholesky(torch.from_numpy(variances)),
        "mean": mean,
        "sd": sd,
    }


def norm_region(config: NormMixtureConfig, model: ScoreModel, case: Case) -> tuple[Box, Tensor]:
    """Where the norm is taken: a box of the volume, and which of its voxels (x, y, z) count.

    Raw norms count the whole volume, as the authors' do; logarithms the brain, in the box around it.
    """
    if config.norms == "raw":
        x, y, z = case.brain_mask.shape
        return (slice(0, x), slice(0, y), slice(0, z)), torch.ones(x, y, z, dtype=torch.bool, device=model.device)
    box = brain_box(case, model.multiple_of)
    return box, torch.from_numpy(case.brain_mask[box]).to(model.device)


def whole_image_norm(config: NormMixtureConfig, direction: Tensor, inside: Tensor) -> Tensor:
    """() norm of sigma times the score (C, X, Y, Z) over the voxels inside (X, Y, Z), or its logarithm.

    The logarithm is that of the mean instead of the sum: large heads are no anomaly.
    """
    squares = direction.square().sum(dim=0)[inside]
    if config.norms == "raw":
        return squares.sum().clamp(min=math.exp(-40)).sqrt()
    return 0.5 * squares.mean().clamp(min=math.exp(-40)).log()


@torch.no_grad()
def whole_image_norms(config: NormMixtureConfig, model: ScoreModel, case: Case, noise_levels: Tensor) -> Tensor:
    """(L,) norms of an image, one noise level at a time."""
    box, inside = norm_region(config, model, case)
    image = torch.from_numpy(case.image[(slice(None), *box)].copy()).to(model.device)[None]
    directions = (model.noise_direction(image, sigma[None].to(model.device))[0] for sigma in noise_levels)
    return torch.stack([whole_image_norm(config, direction, inside).cpu() for direction in directions])
