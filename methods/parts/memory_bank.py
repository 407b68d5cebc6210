"""A memory bank of healthy patch features, thinned out to a coreset, on a frozen encoder trained here.

Source: Roth et al. 2022 (PatchCore). Their encoder is pretrained on photographs; ours is the first half of the score
model, trained on healthy brains alone.
"""

from typing import Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bench.component import Component, ComponentConfig, FitContext
from bench.seeds import derived_seed
from datasets.case import Case
from methods.diffusion.sampling_runs import brain_image
from methods.diffusion.score_model import ScoreModel
from methods.parts.images import Box

CHUNK = 4096  # patches whose distances to the bank are computed at a time
MOST_INSIDE = 0.5  # share of a cell that must lie in the brain for its patch to count


class MemoryBankConfig(ComponentConfig):
    """Settings of the memory bank. Roth et al. 2022 work on photographs, so sizes are ours."""

    sigma: float = Field(0.2, gt=0, description="noise level that the score model is told; no noise is added (ours)")
    levels: tuple[int, ...] = Field(
        (1, 2), min_length=1, description="of the score model's encoder, each half as fine; 0: full resolution (ours)"
    )
    neighbourhood: int = Field(
        3, ge=1, le=9, description="edge in cells of the mean that a feature is of, odd (ours: as Roth et al. have)"
    )
    patches_per_case: int = Field(2000, ge=1, description="random healthy patches of a case to choose from (ours)")
    patches: int = Field(10_000, ge=1, description="that are kept: those farthest from each other (ours)")
    projection: int = Field(
        128, ge=1, description="random directions in which distances are compared while choosing (ours: as they have)"
    )


class MemoryBank(Component[MemoryBankConfig, ScoreModel]):
    """Healthy patches, (M, K) standardised features, and how far the patches of a case lie from them."""

    name = "memory-bank"

    def __init__(self, config: MemoryBankConfig, model: ScoreModel, bank: Tensor, mean: Tensor, sd: Tensor) -> None:
        self.config = config
        self.model = model
        self.bank, self.mean, self.sd = (tensor.to(model.device) for tensor in (bank, mean, sd))

    @classmethod
    def train(cls, config: MemoryBankConfig, context: FitContext, upstream: ScoreModel) -> Self:
        generator = torch.Generator().manual_seed(derived_seed(context.seed, "memory-bank"))
        found = []
        with context.progress("features of healthy patches", len(context.train)) as tick:
            for case in context.train:
                features, inside, _ = encoded(config, upstream, case)
                patches = features[:, inside].T
                some = torch.randint(len(patches), (config.patches_per_case,), generator=generator)
                found.append(patches[some.to(patches.device)].cpu())
                tick()
        healthy = torch.cat(found)
        mean, sd = healthy.mean(dim=0), healthy.std(dim=0).clamp(min=1e-6)
        standardised = ((healthy - mean) / sd).to(context.device)
        with context.progress("choosing patches", 1) as tick:
            chosen = coreset(standardised, config.patches, config.projection, generator)
            tick()
        return cls(config, upstream, standardised[chosen], mean, sd)

    @torch.no_grad()
    def distance(self, case: Case) -> tuple[Tensor, Box]:
        """How far each patch is from the nearest healthy one, at full resolution: (x, y, z) of the brain's box."""
        features, inside, box = encoded(self.config, self.model, case)
        patches = (features[:, inside].T - self.mean) / self.sd
        nearest = [torch.cdist(some, self.bank).amin(dim=1) for some in torch.split(patches, CHUNK)]
        distances = torch.zeros(inside.shape, device=patches.device)
        distances[inside] = torch.cat(nearest)
        shape = [axis.stop - axis.start for axis in box]
        weight = F.interpolate(inside[None, None].float(), size=shape, mode="trilinear")[0, 0]
        spread = F.interpolate(distances[None, None], size=shape, mode="trilinear")[0, 0]
        return (spread / weight.clamp(min=1e-3)).cpu(), box

    def state(self) -> dict[str, Tensor]:
        return {"bank": self.bank, "mean": self.mean, "sd": self.sd}

    @classmethod
    def restore(cls, config: MemoryBankConfig, state: dict[str, Tensor], device: str, upstream: ScoreModel) -> Self:
        return cls(config, upstream, state["bank"], state["mean"], state["sd"])


@torch.no_grad()
def encoded(config: MemoryBankConfig, model: ScoreModel, case: Case) -> tuple[Tensor, Tensor, Box]:
    """Features of a case: (K, x, y, z) on the finest of the levels, which cells lie in the brain, and the box."""
    image, box = brain_image(model, case)
    maps = encoder_maps(model, image, config.sigma, config.levels)
    around = config.neighbourhood
    maps = [F.avg_pool3d(one[None], around, 1, around // 2, count_include_pad=False) for one in maps]
    x, y, z = max((one.shape[2:] for one in maps), key=lambda shape: shape[0])
    finest = (int(x), int(y), int(z))
    features = torch.cat([F.interpolate(one, size=finest, mode="trilinear")[0] for one in maps])
    brain = torch.from_numpy(case.brain_mask[box].copy())[None, None].float().to(model.device)
    inside = F.adaptive_avg_pool3d(brain, finest)[0, 0] >= MOST_INSIDE
    return features, inside, box


def encoder_maps(model: ScoreModel, image: Tensor, sigma: float, levels: tuple[int, ...]) -> list[Tensor]:
    """What comes out of these levels of the score model's encoder: (C, x, y, z) float32 each."""
    maps: dict[int, Tensor] = {}

    def keep(level: int) -> object:
        block = list(model.network.down[level])[-1]  # type: ignore[call-overload]
        return block.register_forward_hook(lambda _module, _inputs, out: maps.update({level: out[0].float()}))

    hooks = [keep(level) for level in levels]
    try:
        model.noise_direction(image[None], torch.tensor([sigma], device=image.device))
    finally:
        for hook in hooks:
            hook.remove()  # type: ignore[attr-defined]
    return [maps[level] for level in levels]


def coreset(patches: Tensor, count: int, projection: int, generator: torch.Generator) -> Tensor:
    """(count,) indices of patches (N, K) that lie far from each other: each is the farthest from those before it.

    Distances are compared in random directions, which keep them to within a few percent. All, if there are no more.
    """
    if count >= len(patches):
        return torch.arange(len(patches))
    directions = torch.randn((patches.shape[1], projection), generator=generator).to(patches.device)
    points = patches @ directions / projection**0.5
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    distance = torch.full((len(points),), torch.inf, device=points.device)
    for _ in range(count - 1):
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(dim=1))
        chosen.append(int(distance.argmax()))
    return torch.tensor(chosen)
