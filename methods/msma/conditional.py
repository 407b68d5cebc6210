"""The flow with its context, and its training by maximum likelihood."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR

from bench.component import FitContext
from methods.msma.config import PatchDensityConfig
from methods.msma.embedding import GlobalEmbedding, Shape
from methods.msma.flow import KindsApart, conditional_flow
from methods.msma.position import position_code
from methods.parts.ahead import Examples, Prepare
from methods.parts.compiling import translated
from methods.parts.shares import in_shares
from methods.parts.training import Training, fused, one_cycle, tenth_or_5000
from methods.parts.training_loop import Trained, run_training

CHUNK = 8192  # patches evaluated at a time: keeps memory small and the processor's cache warm
GPU_CHUNK = 2**18  # a brain at 2 mm: a GPU takes as long for a few
RAMP = 0.01  # half-life of the average of weights, as a share of the images seen (authors' code)


class Patches(NamedTuple):
    """Patches of one image. norms: (N, K); coordinates: (N, 3) in [-1, 1]; summary: (2 K,); image: (C, X, Y, Z)."""

    norms: Tensor
    coordinates: Tensor
    summary: Tensor
    image: Tensor | None

    def at(self, chosen: Tensor) -> "Patches":
        """The patches of these numbers."""
        chosen = chosen.to(self.norms.device)
        return self._replace(norms=self.norms[chosen], coordinates=self.coordinates[chosen])


class PatchSource(Protocol):
    """An image that patches are drawn from, in memory or not."""

    @property
    def norms(self) -> Tensor:
        """(N, K), as they are kept."""

    def at(self, chosen: Tensor) -> Patches:
        """The patches of these numbers, (n,) int64 below N."""


def random_numbers(patches: PatchSource, count: int, generator: torch.Generator) -> Tensor:
    """(count,) of patches of an image."""
    return torch.randint(len(patches.norms), (count,), generator=generator)


Draw = Callable[[torch.Generator], Sequence[PatchSource]]
"""Draws the images of a training step."""


class ConditionalDensity(nn.Module):
    """log p(norms | place, image)."""

    def __init__(self, config: PatchDensityConfig, channels: int, shape: Shape, seed: int) -> None:
        super().__init__()
        self.config = config
        context = 6 * (config.position_features // 6) + config.embedding_features
        are_norms = config.are_norms(channels)
        context += 2 * len(are_norms) * config.image_summary
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embed = (
                GlobalEmbedding(channels, shape, config.embedding_features, config.attention_width)
                if config.embedding_features
                else None
            )
            self.flow = (
                KindsApart(config, are_norms, context)
                if config.kinds == "apart"
                else conditional_flow(config, len(are_norms), context)
            )

    def image_features(self, patches: Patches, device: str) -> Tensor:
        """(features,) what is told of the whole image."""
        parts = []
        if self.embed is not None and patches.image is not None:
            parts.append(self.embed(patches.image[None].float().to(device))[0])
        if self.config.image_summary:
            parts.append(patches.summary.to(device))
        return torch.cat(parts) if parts else torch.zeros(0, device=device)

    def forward(self, norms: Tensor, coordinates: Tensor, image_features: Tensor) -> Tensor:
        """`log_prob`, as trainings call it."""
        return self.log_prob(norms, coordinates, image_features)

    def log_prob(self, norms: Tensor, coordinates: Tensor, image_features: Tensor) -> Tensor:
        """(N,) log-likelihoods. norms: (N, K); coordinates: (N, 3); image_features: (N, F) or (F,)."""
        place = position_code(coordinates, self.config.position_features)
        context = torch.cat([place, image_features.expand(len(place), -1)], dim=1)
        out: Tensor = self.flow(norms, context) if self.config.kinds == "apart" else self.flow(context).log_prob(norms)
        return out

    def log_likelihood(self, patches: Patches, device: str) -> Tensor:
        """(N,) log-likelihoods of all patches of an image, on the device."""
        features = self.image_features(patches, device)

        def of(some: slice) -> Tensor:
            return self.log_prob(patches.norms[some].to(device), patches.coordinates[some].to(device), features)

        return in_shares(of, len(patches.norms), GPU_CHUNK if device.startswith("cuda") else CHUNK)


def train_density(
    density: ConditionalDensity, draw: Draw, validation: list[Patches], generator: torch.Generator, context: FitContext
) -> Trained:
    """Maximum likelihood on random patches; keeps the averaged weights that do best on validation images.

    generator: source of all random numbers. Its figure is the lowest validation loss.
    """
    config, device = density.config, context.device
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(density.parameters(), rate, weight_decay=config.weight_decay, fused=fused(device))
    constant = config.schedule == "constant"
    held_out = [patches.at(random_numbers(patches, 4096, generator)) for patches in validation]
    training = Training(
        name="the flow",
        remedy="lower patches.learning_rate",
        network=density,
        schedule=ConstantLR(optimizer, 1.0) if constant else one_cycle(optimizer, rate, config.steps),
        generator=generator,
        steps=config.steps,
        call=translated(density, context),
        draw=lambda _step, generator: batch(density, draw(generator), generator),
        loss=lambda call, examples: -mean_log_likelihood(density, call, examples),
        gradient_clip=config.gradient_clip,
        average_decay=lambda step: average_decay(config, step),
        validate=lambda averaged: {"validation_nats": mean_negative_log_likelihood(averaged, held_out, device)},
        validate_every=tenth_or_5000(config.steps),
        keep_lowest="validation_nats",
        note=lambda figures: f"validation {figures['validation_nats']:.3f} nats",
    )
    return run_training(training, context)


def average_decay(config: PatchDensityConfig, step: int) -> float:
    """Share of the average of weights that stays at a step, counted from 1."""
    if config.average_decay is not None:
        return 0.0 if step == 1 else config.average_decay
    half_life = min(config.average_half_life, RAMP * step * config.images_per_step)
    return float(0.5 ** (config.images_per_step / half_life))


def batch(density: ConditionalDensity, images: Sequence[PatchSource], generator: torch.Generator) -> Prepare:
    """Random patches of a few images, with dequantisation noise, to be brought to the density's device.

    norms (I, P, K), coordinates (I, P, 3), summaries (I, 2 K) and, for a density that is told of them, images.
    """
    config, device = density.config, next(density.parameters()).device
    count = config.patches_per_step // len(images)
    chosen, noises = [], []
    for patches in images:
        chosen.append(random_numbers(patches, count, generator))
        noises.append(torch.randn((count, patches.norms.shape[1]), generator=generator))
    computed = None  # by the GPU, which the stream of another thread has to wait for
    if any(patches.norms.is_cuda for patches in images):
        computed = torch.cuda.current_stream(device).record_event()

    def prepare() -> Examples:
        if computed is not None:
            torch.cuda.current_stream(device).wait_event(computed)
        some = [patches.at(numbers) for patches, numbers in zip(images, chosen, strict=True)]
        noisy = [p.norms + config.dequantisation * n.to(p.norms.device) for p, n in zip(some, noises, strict=True)]
        parts = [noisy, [p.coordinates for p in some], [p.summary for p in some]]
        if density.embed is not None:
            parts.append([p.image for p in some if p.image is not None])
        return tuple(torch.stack(part).to(device) for part in parts)

    return prepare


def mean_log_likelihood(density: ConditionalDensity, call: nn.Module, examples: Examples) -> Tensor:
    """() over the patches of a batch; `call` is the density, as it is or translated."""
    norms, coordinates, summaries, *images = examples
    features = []
    for index, some in enumerate(norms):
        image = images[0][index] if images else None
        one = density.image_features(Patches(some, coordinates[index], summaries[index], image), str(norms.device))
        features.append(one.expand(len(some), -1))
    out: Tensor = call(norms.flatten(0, 1), coordinates.flatten(0, 1), torch.cat(features))
    return out.mean()


@torch.no_grad()
def mean_negative_log_likelihood(density: nn.Module, held_out: list[Patches], device: str) -> float:
    """Over the same patches each time."""
    assert isinstance(density, ConditionalDensity)
    return float(torch.stack([-density.log_likelihood(p, device).mean() for p in held_out]).mean())
