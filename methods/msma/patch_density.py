"""Density of healthy patch score norms given place and image, as a component: p(s_p | p, h(x)).

Source: paper section 4.1. The norms are log-transformed and standardised by the mean and standard deviation of
healthy ones around the same place; the flow then learns what that leaves: the shape of the distribution, how
noise levels go together, and what changes with place and subject.
"""

import math
from typing import Self

import numpy as np
import torch
from torch import Tensor

from bench.component import Component, FitContext
from bench.errors import BenchError
from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.msma.conditional import ConditionalDensity, Patches, train_density
from methods.msma.config import PatchDensityConfig
from methods.msma.local_moments import LocalMoments
from methods.msma.position import voxel_coordinates
from methods.msma.score_norms import score_norms, watched
from methods.parts.smoothing import grown

SMALLEST_NORM = 1e-4


class PatchDensity(Component[PatchDensityConfig, ScoreModel]):
    """Negative log-likelihood of every voxel's patch, given a score model."""

    name = "patch-density"
    version = 2

    def __init__(
        self,
        config: PatchDensityConfig,
        model: ScoreModel,
        mean: Tensor,
        sd: Tensor,
        shape: tuple[int, int, int],
        density: ConditionalDensity | None,
        figures: dict[str, float] | None = None,
    ) -> None:
        self.config = config
        self.model = model
        self.mean, self.sd, self.shape = mean, sd, shape
        self.density = density
        self.figures = figures or {}

    @classmethod
    def train(cls, config: PatchDensityConfig, context: FitContext, upstream: ScoreModel) -> Self:
        log_norms = [log_score_norms(config, upstream, case) for case in watched(context.train, context, "training")]
        masks = [torch.from_numpy(case.brain_mask) for case in context.train]
        shape = context.train[0].brain_mask.shape
        moments = LocalMoments(config.norms_per_patch(len(context.channels)), shape)
        for values, mask in zip(log_norms, masks, strict=True):
            moments.add(spread(values, mask), mask.numpy())
        mean, sd = moments.finish(config.smoothing_voxels)
        found = cls(config, upstream, mean, sd, shape, None)
        if config.density == "gaussian":
            return found
        patches = [found.patches(case, values.float()) for case, values in zip(context.train, log_norms, strict=True)]
        held_out = [
            found.patches(case, log_score_norms(config, upstream, case).float())
            for case in watched(context.validation, context, "validation")
        ]
        found.density, found.figures = train_density(config, len(context.channels), patches, held_out, context)
        return found

    def state(self) -> dict[str, Tensor]:
        state = {"mean": self.mean, "sd": self.sd, "shape": torch.tensor(self.shape)}
        if self.density is not None:
            state |= {f"density.{name}": value for name, value in self.density.state_dict().items()}
        return state

    @classmethod
    def restore(cls, config: PatchDensityConfig, state: dict[str, Tensor], device: str, upstream: ScoreModel) -> Self:
        density = None
        if config.density == "flow":
            density = ConditionalDensity(config, upstream.network.first.in_channels, seed=0)
            weights = {n.removeprefix("density."): v for n, v in state.items() if n.startswith("density.")}
            density.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in weights.items()})
            density.to(device).eval().requires_grad_(False)
        x, y, z = (int(edge) for edge in state["shape"])
        return cls(config, upstream, state["mean"].float(), state["sd"].float(), (x, y, z), density)

    def patches(self, case: Case, log_norms: Tensor) -> Patches:
        """Standardised norms (N, K) of the N brain voxels of a case, with what the flow is told of them."""
        if case.brain_mask.shape != self.shape:
            raise BenchError(
                f"{case.id} has a grid of {case.brain_mask.shape} voxels, but the patch density was fitted on "
                f"{self.shape}: prepare both with the same settings."
            )
        mask = torch.from_numpy(case.brain_mask)
        mean, sd = (grown(moments, self.shape)[:, mask].T for moments in (self.mean, self.sd))
        norms = (log_norms - mean) / sd
        image = torch.from_numpy(case.image) if self.config.embedding_features else None
        return Patches(norms, voxel_coordinates(mask), summary(norms), image)

    @torch.no_grad()
    def negative_log_likelihood(self, case: Case) -> np.ndarray:
        """(X, Y, Z) float32, of the log norms, in nats; outside the brain the lowest value inside."""
        patches = self.patches(case, log_score_norms(self.config, self.model, case).float())
        if self.config.one_sided:
            patches = patches._replace(norms=patches.norms.clamp(min=0))
        if self.density is None:
            values = 0.5 * (patches.norms.square() + math.log(2 * math.pi)).sum(dim=1)
        else:
            values = -self.density.log_likelihood(patches, self.model.device)
        # The change of variables from log norms to standardised ones: where healthy norms vary little, their
        # density is high, and the same z-score is less unlikely.
        mask = torch.from_numpy(case.brain_mask)
        values += grown(self.sd, self.shape)[:, mask].log().sum(dim=0)
        return spread(values[:, None], torch.from_numpy(case.brain_mask), float(values.min()))[0].numpy()


def summary(norms: Tensor) -> Tensor:
    """(2 K,) median and half of the central 68 % of an image's standardised norms: how sharp and noisy it is.

    Lesions are a hundredth of the brain and hardly move them.
    """
    low, middle, high = torch.quantile(norms[:: max(1, len(norms) // 20000)], torch.tensor([0.16, 0.5, 0.84]), dim=0)
    return torch.cat([middle, (high - low) / 2 - 1])


def log_score_norms(config: PatchDensityConfig, model: ScoreModel, case: Case) -> Tensor:
    """(N, K) float16 logarithms of the K score norms of each of the N brain voxels."""
    levels = model.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)
    norms = score_norms(model, case, levels, config.patch_size, config.join_channels)
    return norms[:, torch.from_numpy(case.brain_mask)].T.clamp(min=SMALLEST_NORM).log().half()


def spread(values: Tensor, mask: Tensor, outside: float = 0.0) -> Tensor:
    """Put the values (N, K) of the voxels of a (X, Y, Z) mask back in place: (K, X, Y, Z) float32."""
    volume = torch.full((values.shape[1], *mask.shape), outside, dtype=torch.float32)
    volume[:, mask] = values.T.float()
    return volume
