"""The variance-exploding diffusion: an image plus Gaussian noise whose level grows geometrically with time."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class VarianceExploding:
    """x(t) = x(0) + sigma(t) z with sigma(t) = sigma_min (sigma_max / sigma_min)^t, t in [0, 1].

    Noise levels are in units of the image scale [-1, 1]. Source: paper section 5.2; Song et al. 2020, eq. 9.
    """

    sigma_min: float
    sigma_max: float

    def sigma(self, t: Tensor) -> Tensor:
        """Noise level at times t."""
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** t

    def noise_levels(self, count: int, highest: float, lowest: float) -> Tensor:
        """(count,) noise levels, geometric from `highest` down to `lowest`."""
        return torch.logspace(0, 1, count, base=lowest / highest, dtype=torch.float64).mul(highest).float()


def add_noise(image: Tensor, sigma: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """The noisy image and the unit noise in it. image: (B, C, X, Y, Z); sigma: (B,)."""
    noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
    return image + sigma.view(-1, 1, 1, 1, 1) * noise, noise
