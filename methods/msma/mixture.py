"""Mixture of Gaussians over whole-image score norms, as a component: the density of MSMA without places.

Source: paper section 5.3 (GradCAM-MSMA); Mahmood, Oliva, Styner 2021, "Multiscale Score Matching for
Out-of-Distribution Detection". The logarithms of the norms are standardised by their healthy mean and standard
deviation; a mixture is then fitted by expectation maximisation (scikit-learn).
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
from methods.parts.images import brain_box

CASES_PER_GAUSSIAN = 10  # fewer would let a Gaussian settle on a handful of cases


class NormMixtureConfig(ComponentConfig):
    """Settings of the mixture; the defaults are the paper's."""

    noise_levels: int = Field(10, ge=1, le=200, description="how many noise levels")
    highest_sigma: float = Field(88.06, gt=0, description="highest noise level, on the [-1, 1] image scale")
    lowest_sigma: float = Field(0.0657, gt=0, description="lowest noise level, on the [-1, 1] image scale")
    gaussians: int = Field(10, ge=1, le=100, description="at most; one for every ten training cases at most")
    covariance: Literal["diagonal", "full"] = Field("diagonal", description="of each Gaussian")
    regularisation: float = Field(0.05, gt=0, description="added to the variances of standardised log norms")


class NormMixture(Component[NormMixtureConfig, ScoreModel]):
    """Negative log-likelihood of an image's score norms, differentiable with respect to them.

    weights: (K,); means: (K, L) and cholesky: (K, L, L) of the standardised log norms; mean, sd: (L,) of the log
    norms of healthy cases.
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
            torch.stack([whole_image_norms(upstream, case, levels) for case in watched(cases, context, split)])
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

    def negative_log_likelihood(self, log_norms: Tensor) -> Tensor:
        """() from (L,) log norms, in nats; computed in double precision on the CPU."""
        parts = self.parts
        standardised = (log_norms.double().cpu() - parts["mean"]) / parts["sd"]
        gaussians = torch.distributions.MultivariateNormal(parts["means"], scale_tril=parts["cholesky"])
        log_prob = gaussians.log_prob(standardised)  # type: ignore[no-untyped-call]
        joint = log_prob + parts["weights"].log() - parts["sd"].log().sum()
        return -torch.logsumexp(joint, dim=0)


def fit_mixture(log_norms: Tensor, config: NormMixtureConfig, seed: int) -> dict[str, Tensor]:
    """Fit to the log norms (N, L) of N healthy images; the number of Gaussians is held to what N can bear."""
    from sklearn.mixture import GaussianMixture

    if len(log_norms) < 2:
        raise BenchError("GradCAM-MSMA needs at least 2 training cases to know how score norms vary: add some.")
    values = log_norms.double()
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


def log_norm(direction: Tensor, brain_mask: Tensor) -> Tensor:
    """() logarithm of the root mean square of sigma times the score (C, X, Y, Z) over the brain (X, Y, Z).

    The mean instead of the sum, and the brain instead of the volume: large heads and wide margins are no anomaly.
    """
    squares = direction.square().sum(dim=0)[brain_mask]
    return 0.5 * squares.mean().clamp(min=math.exp(-40)).log()


@torch.no_grad()
def whole_image_norms(model: ScoreModel, case: Case, noise_levels: Tensor) -> Tensor:
    """(L,) log norms of an image, one noise level at a time."""
    box = brain_box(case, model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)]).to(model.device)[None]
    brain_mask = torch.from_numpy(case.brain_mask[box]).to(model.device)
    directions = (model.noise_direction(image, sigma[None].to(model.device))[0] for sigma in noise_levels)
    return torch.stack([log_norm(direction, brain_mask).cpu() for direction in directions])
