"""The flow with its context, and its training by maximum likelihood."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR

from bench.component import FitContext
from methods.msma.config import PatchDensityConfig
from methods.msma.embedding import GlobalEmbedding, Shape
from methods.msma.flow import conditional_flow
from methods.msma.position import position_code
from methods.parts.training import Figures, Training, one_cycle, tenth_or_5000

CHUNK = 8192  # patches evaluated at a time: keeps memory small and the processor's cache warm
RAMP = 0.01  # half-life of the average of weights, as a share of the images seen (authors' code)


class Patches(NamedTuple):
    """Patches of one image. norms: (N, K); coordinates: (N, 3) in [-1, 1]; summary: (2 K,); image: (C, X, Y, Z)."""

    norms: Tensor
    coordinates: Tensor
    summary: Tensor
    image: Tensor | None


Draw = Callable[[torch.Generator], list[Patches]]
"""Draws the images of a training step: all patches of each."""


class ConditionalDensity(nn.Module):
    """log p(norms | place, image)."""

    def __init__(self, config: PatchDensityConfig, channels: int, shape: Shape, seed: int) -> None:
        super().__init__()
        self.config = config
        context = 6 * (config.position_features // 6) + config.embedding_features
        norms = len(config.are_norms(channels))
        context += 2 * norms * config.image_summary
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embed = (
                GlobalEmbedding(channels, shape, config.embedding_features, config.attention_width)
                if config.embedding_features
                else None
            )
            self.flow = conditional_flow(config, norms, context)

    def image_features(self, patches: Patches, device: str) -> Tensor:
        """(features,) what is told of the whole image."""
        parts = []
        if self.embed is not None and patches.image is not None:
            parts.append(self.embed(patches.image[None].float().to(device))[0])
        if self.config.image_summary:
            parts.append(patches.summary.to(device))
        return torch.cat(parts) if parts else torch.zeros(0, device=device)

    def log_prob(self, norms: Tensor, coordinates: Tensor, image_features: Tensor) -> Tensor:
        """(N,) log-likelihoods. norms: (N, K); coordinates: (N, 3); image_features: (N, F) or (F,)."""
        place = position_code(coordinates, self.config.position_features)
        context = torch.cat([place, image_features.expand(len(place), -1)], dim=1)
        out: Tensor = self.flow(context).log_prob(norms)
        return out

    def log_likelihood(self, patches: Patches, device: str) -> Tensor:
        """(N,) log-likelihoods of all patches of an image, on the CPU."""
        features = self.image_features(patches, device)
        pairs = zip(torch.split(patches.norms, CHUNK), torch.split(patches.coordinates, CHUNK), strict=True)
        return torch.cat([self.log_prob(n.to(device), c.to(device), features).cpu() for n, c in pairs])


def train_density(
    density: ConditionalDensity, draw: Draw, validation: list[Patches], generator: torch.Generator, context: FitContext
) -> Figures:
    """Maximum likelihood on random patches; keeps the averaged weights that do best on validation images.

    generator: source of all random numbers. Returns the lowest validation loss.
    """
    config, device = density.config, context.device
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(density.parameters(), rate, weight_decay=config.weight_decay)
    constant = config.schedule == "constant"
    held_out = [sample(patches, 4096, generator) for patches in validation]
    return Training(
        name="the flow",
        remedy="lower patches.learning_rate",
        network=density,
        schedule=ConstantLR(optimizer, 1.0) if constant else one_cycle(optimizer, rate, config.steps),
        generator=generator,
        steps=config.steps,
        loss=lambda _step, generator: -batch_log_likelihood(density, draw(generator), generator, device),
        gradient_clip=config.gradient_clip,
        average_decay=lambda step: average_decay(config, step),
        validate=lambda averaged: {"validation_nats": mean_negative_log_likelihood(averaged, held_out, device)},
        validate_every=tenth_or_5000(config.steps),
        keep_lowest="validation_nats",
        note=lambda figures: f"validation {figures['validation_nats']:.3f} nats",
    ).run(context)


def average_decay(config: PatchDensityConfig, step: int) -> float:
    """Share of the average of weights that stays at a step, counted from 1."""
    if config.average_decay is not None:
        return 0.0 if step == 1 else config.average_decay
    half_life = min(config.average_half_life, RAMP * step * config.images_per_step)
    return float(0.5 ** (config.images_per_step / half_life))


def sample(patches: Patches, count: int, generator: torch.Generator) -> Patches:
    """Random patches of one image."""
    chosen = torch.randint(len(patches.norms), (count,), generator=generator)
    return patches._replace(norms=patches.norms[chosen], coordinates=patches.coordinates[chosen])


def batch_log_likelihood(
    density: ConditionalDensity, images: list[Patches], generator: torch.Generator, device: str
) -> Tensor:
    """Mean log-likelihood of random patches of a few images, with dequantisation noise."""
    config = density.config
    norms, coordinates, features = [], [], []
    for patches in images:
        some = sample(patches, config.patches_per_step // len(images), generator)
        norms.append(some.norms + config.dequantisation * torch.randn(some.norms.shape, generator=generator))
        coordinates.append(some.coordinates)
        features.append(density.image_features(some, device).expand(len(some.norms), -1))
    log_prob = density.log_prob(torch.cat(norms).to(device), torch.cat(coordinates).to(device), torch.cat(features))
    return log_prob.mean()


@torch.no_grad()
def mean_negative_log_likelihood(density: nn.Module, held_out: list[Patches], device: str) -> float:
    """Over the same patches each time."""
    assert isinstance(density, ConditionalDensity)
    return float(torch.stack([-density.log_likelihood(p, device).mean() for p in held_out]).mean())
