"""Sampling from the variance-exploding diffusion, from any noise level down to the image.

A sampler visits noise levels of its own, geometric between the highest and the lowest, whatever the training
visited. At each level come Langevin corrector steps, then one predictor step to the next level; the last one leads
to the denoised image and adds no noise. Source: Song et al. 2020, "Score-Based Generative Modeling through
Stochastic Differential Equations", algorithms 2 and 4, appendices D to G; paper section 5.3.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.detector import MethodConfig

Score = Callable[[Tensor, Tensor], Tensor]
"""Gradient of the log-density of noisy images: (B, ...), (B,) noise levels -> (B, ...)."""

Hold = Callable[[Tensor, Tensor], Tensor]
"""Puts known values back after a step: (B, ...) sample, () its noise level -> (B, ...)."""


class SamplerConfig(MethodConfig):
    """How a sampler steps. Each default says whose value it is."""

    steps: int = Field(
        2000,
        ge=1,
        description="noise levels visited (paper: 2000 in all; inpaint: every second, authors' code; restoration: the "
        "last quarter, paper)",
    )
    predictor: Literal["reverse-diffusion", "ancestral", "ode"] = Field(
        "reverse-diffusion",
        description="step to the next level; ode: probability flow by Heun's rule, no noise (authors' code)",
    )
    corrector_steps: int = Field(1, ge=0, description="Langevin steps at each level (authors' code)")
    snr: float = Field(0.17, gt=0, lt=1, description="signal-to-noise ratio of a Langevin step (authors' code)")

    @property
    def evaluations(self) -> int:
        """Score evaluations a sample takes."""
        predictor = 2 * self.steps - 1 if self.predictor == "ode" else self.steps
        return predictor + self.steps * self.corrector_steps


@torch.no_grad()
def sample(
    score: Score,
    start: Tensor,
    levels: Tensor,
    config: SamplerConfig,
    generator: torch.Generator,
    hold: Hold | None = None,
) -> Tensor:
    """Take a batch from noise level `levels[0]` down to a denoised image.

    start: (B, ...) at the noise level levels[0]. levels: (S,) falling noise levels, such as those of
    `VarianceExploding.noise_levels`; their number rules, not `config.steps`. generator: on the device of `start`.
    hold: called after every step, for inpainting. Returns (B, ...).
    """
    x = start
    for sigma, following in zip(levels, [*levels[1:], torch.zeros_like(levels[0])], strict=True):
        for _ in range(config.corrector_steps):
            x = langevin_step(score, x, sigma, config.snr, generator)
            x = hold(x, sigma) if hold else x
        x = predictor_step(score, x, sigma, following, config.predictor, generator)
        x = hold(x, following) if hold else x
    return x


def predictor_step(
    score: Score, x: Tensor, sigma: Tensor, following: Tensor, predictor: str, generator: torch.Generator
) -> Tensor:
    """From noise level `sigma` to the lower level `following`; to 0 it is the expected image given x."""
    drop = sigma**2 - following**2
    slope = score(x, sigma.expand(len(x)))
    if following == 0:
        return x + drop * slope
    if predictor == "ode":
        moved = x + sigma * (sigma - following) * slope
        end = following * score(moved, following.expand(len(x)))
        return x + (sigma - following) * (sigma * slope + end) / 2
    # Ancestral sampling adds the noise of the true posterior, reverse diffusion that of the discretised SDE.
    variance = drop * (following / sigma) ** 2 if predictor == "ancestral" else drop
    return x + drop * slope + variance.sqrt() * unit_noise(x, generator)


def langevin_step(score: Score, x: Tensor, sigma: Tensor, snr: float, generator: torch.Generator) -> Tensor:
    """One step of Langevin dynamics at a noise level; its size is set for each sample from the norms."""
    slope = score(x, sigma.expand(len(x)))
    noise = unit_noise(x, generator)
    ratio = norms(noise) / norms(slope).clamp(min=torch.finfo(x.dtype).tiny)
    size = 2 * (snr * ratio) ** 2
    return x + size * slope + (2 * size).sqrt() * noise


def norms(x: Tensor) -> Tensor:
    """L2 norm of each sample of a batch, shaped to multiply with it."""
    out: Tensor = torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True)
    return out


def unit_noise(x: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape of x."""
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def in_batches(runs: int, at_once: int) -> list[range]:
    """Split run numbers 0 ... runs - 1 into batches of about equal size."""
    count = math.ceil(runs / at_once)
    return [range(i * runs // count, (i + 1) * runs // count) for i in range(count)]
