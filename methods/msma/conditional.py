"""The flow with its context, and its training by maximum likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from bench.component import FitContext
from bench.seeds import derived_seed
from methods.msma.embedding import GlobalEmbedding
from methods.msma.flow import conditional_flow
from methods.msma.position import position_code

if TYPE_CHECKING:
    from methods.msma.patch_density import PatchDensityConfig

VALIDATIONS = 10
CHUNK = 8192  # patches evaluated at a time: keeps memory small and the processor's cache warm


class Patches(NamedTuple):
    """Patches of one image. norms: (N, K); coordinates: (N, 3) in [-1, 1]; summary: (2 K,); image: (C, X, Y, Z)."""

    norms: Tensor
    coordinates: Tensor
    summary: Tensor
    image: Tensor | None


class ConditionalDensity(nn.Module):
    """log p(norms | place, image)."""

    def __init__(self, config: PatchDensityConfig, channels: int, seed: int) -> None:
        super().__init__()
        self.config = config
        context = 6 * (config.position_features // 6) + config.embedding_features
        norms = config.norms_per_patch(channels)
        context += 2 * norms * config.image_summary
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embed = (
                GlobalEmbedding(channels, config.embedding_features, config.embedding_width, config.attention_width)
                if config.embedding_features
                else None
            )
            self.flow = conditional_flow(
                norms,
                context,
                config.blocks,
                config.hidden,
                config.residual_blocks,
                config.bins,
                config.mixture,
            )

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
    config: PatchDensityConfig,
    channels: int,
    train: list[Patches],
    validation: list[Patches],
    context: FitContext,
) -> tuple[ConditionalDensity, dict[str, float]]:
    """Maximum likelihood on random patches; keeps the averaged weights that do best on validation images."""
    seed = derived_seed(context.seed, "patch-density")
    generator = torch.Generator().manual_seed(seed)
    density = ConditionalDensity(config, channels, seed).to(context.device)
    decay = config.average_decay
    average = AveragedModel(density, avg_fn=lambda mean, new, _count: mean.lerp(new, 1 - decay))
    optimizer = torch.optim.AdamW(density.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=0.1)
    held_out = [sample(patches, 4096, generator) for patches in validation]
    best, best_state = float("inf"), density.state_dict()
    with context.progress("training the flow", config.steps) as tick:
        for step in range(1, config.steps + 1):
            loss = -batch_log_likelihood(density, train, generator, context.device)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(density.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(density)
            note = ""
            if step % max(1, config.steps // VALIDATIONS) == 0 or step == config.steps:
                value = mean_negative_log_likelihood(average.module, held_out, context.device)
                if value < best:
                    best, best_state = value, {n: v.clone() for n, v in average.module.state_dict().items()}
                note = f"validation {value:.3f} nats"
            tick(1, note)
    density.load_state_dict(best_state)
    return density.eval().requires_grad_(False), {"validation_nats": best}


def sample(patches: Patches, count: int, generator: torch.Generator) -> Patches:
    """Random patches of one image."""
    chosen = torch.randint(len(patches.norms), (count,), generator=generator)
    return patches._replace(norms=patches.norms[chosen], coordinates=patches.coordinates[chosen])


def batch_log_likelihood(
    density: ConditionalDensity, train: list[Patches], generator: torch.Generator, device: str
) -> Tensor:
    """Mean log-likelihood of random patches of a few random images, with dequantisation noise."""
    config = density.config
    count = config.images_per_step
    norms, coordinates, features = [], [], []
    for index in torch.randint(len(train), (count,), generator=generator).tolist():
        some = sample(train[index], config.patches_per_step // count, generator)
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
