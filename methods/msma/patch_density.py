"""Density of healthy patch score norms given place and image, as a component: p(s_p | p, h(x)).

Source: paper section 4.1. The norms are log-transformed and standardised by the mean and standard deviation of
healthy ones around the same place; the flow then learns what that leaves: the shape of the distribution, how
noise levels go together, and what changes with place and subject.
"""

import math
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bench.component import Component, ComponentConfig, FitContext
from bench.errors import BenchError
from datasets.case import Case, Cases
from methods.diffusion.score_model import ScoreModel
from methods.msma.conditional import ConditionalDensity, Patches, train_density
from methods.msma.local_moments import LocalMoments, grow
from methods.msma.position import voxel_coordinates
from methods.msma.score_norms import ChannelJoin, norms_per_level, score_norms

SMALLEST_NORM = 1e-4


class PatchDensityConfig(ComponentConfig):
    """Settings of the patch density; the defaults are the paper's and its authors' code's."""

    noise_levels: int = Field(20, ge=1, le=200, description="how many noise levels")
    highest_sigma: float = Field(88.06, gt=0, description="highest noise level, on the [-1, 1] image scale")
    lowest_sigma: float = Field(0.0657, gt=0, description="lowest noise level, on the [-1, 1] image scale")
    patch_size: Literal[1, 3, 5, 7] = Field(3, description="edge of a patch in voxels")
    join_channels: ChannelJoin = Field(
        "norm",
        description="norm: L2 over channels; sum: added, as the authors do; separate: a norm a channel; "
        "separate+sum: these, and one of their sum",
    )
    density: Literal["flow", "gaussian"] = Field("flow", description="gaussian: the ablation, one normal a voxel")
    smoothing_voxels: float = Field(1.5, ge=0, le=10, description="Gaussian blur of the local healthy moments")
    one_sided: bool = Field(False, description="only norms above the healthy mean count as anomalous")
    position_features: int = Field(128, ge=6, description="length of the code of the place")
    embedding_features: int = Field(128, ge=0, description="features of the whole image; 0 for none")
    embedding_width: int = Field(128, ge=4, description="channels of the embedding's first convolution")
    attention_width: int = Field(512, ge=8, description="width of the embedding's self-attention")
    image_summary: bool = Field(True, description="median and spread of the image's own norms as context")
    blocks: int = Field(20, ge=1, description="blocks of linear map and coupling spline")
    hidden: int = Field(256, ge=4, description="width of the blocks' networks")
    residual_blocks: int = Field(2, ge=1, description="residual blocks in each of them")
    bins: int = Field(8, ge=2, description="bins of a spline")
    mixture: int = Field(10, ge=1, description="Gaussians of the base distribution")
    dequantisation: float = Field(0.05, ge=0, description="sd of noise added to standardised norms in training")
    steps: int = Field(100_000, ge=1, description="training steps")
    patches_per_step: int = Field(16384, ge=16, description="patches a step")
    images_per_step: int = Field(4, ge=1, description="images that the patches of a step come from")
    learning_rate: float = Field(3e-4, gt=0, description="of AdamW")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW")
    average_decay: float = Field(0.999, ge=0, lt=1, description="of the exponential moving average of weights")

    def norms_per_patch(self, channels: int) -> int:
        """How many norms describe a patch of an image with this many channels."""
        return self.noise_levels * norms_per_level(channels, self.join_channels)


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
        mean, sd = (grow(moments, self.shape)[:, mask].T for moments in (self.mean, self.sd))
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
        values += grow(self.sd, self.shape)[:, mask].log().sum(dim=0)
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


def watched(cases: Cases, context: FitContext, what: str) -> Any:
    """Go through cases under a progress bar."""
    with context.progress(f"score norms of {what} cases", len(cases)) as tick:
        for case in cases:
            yield case
            tick()
