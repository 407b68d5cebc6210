"""How far, at each noise level, the score model would move every small neighbourhood of an image."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.component import FitContext
from datasets.case import Case, Cases
from methods.diffusion.sampler import unit_noise
from methods.diffusion.sampling_runs import case_generator, shift_per_sigma
from methods.diffusion.score_model import ScoreModel
from methods.parts.images import brain_box
from methods.parts.shares import in_shares

ChannelJoin = Literal["norm", "sum", "separate", "separate+sum"]


def norms_per_level(channels: int, join: ChannelJoin) -> int:
    """How many norms a noise level gives; the sum of one channel says nothing new."""
    if join in ("norm", "sum"):
        return 1
    return channels + 1 if join == "separate+sum" and channels > 1 else channels


def patch_norm(score: Tensor, patch_size: int, join: ChannelJoin) -> Tensor:
    """Norms of the score over the patch around each voxel: (C, X, Y, Z) -> (norms_per_level, X, Y, Z).

    Channels are joined as vector components ("norm"), or added first ("sum", the authors' code), where responses
    of opposite sign in T1w and T2w cancel; or each has a norm of its own ("separate"), followed by that of their
    sum ("separate+sum"), which together say how far the channels agree. Voxels beyond the border count as zero.
    """
    if join == "norm":
        squares = score.square().sum(dim=0, keepdim=True)
    elif join == "sum":
        squares = score.sum(dim=0, keepdim=True).square()
    elif norms_per_level(len(score), join) == len(score):
        squares = score.square()
    else:
        squares = torch.cat([score, score.sum(dim=0, keepdim=True)]).square()
    mean = F.avg_pool3d(squares[:, None], patch_size, stride=1, padding=patch_size // 2)
    return (mean[:, 0] * patch_size**3).clamp(min=0).sqrt()


@torch.no_grad()
def score_features(
    model: ScoreModel,
    case: Case,
    noise_levels: Tensor,
    features: Callable[[Tensor], Tensor],
    draws: int = 0,
    seed: int = 0,
) -> Tensor:
    """(L * K, X, Y, Z) features of sigma times the score of the image, zero outside the box of the brain.

    L is the number of noise levels; the K features of a level lie side by side, on the model's device. The network
    runs on the box of the brain: on a CPU one noise level at a time, on a GPU all that fit its memory. Sigma times the
    score keeps all levels at one scale. Source: paper section 4.

    features: of one level, (C, x, y, z) -> (K, x, y, z). draws: of noise, see `shift_per_sigma`. seed: of the noise.
    """
    box = brain_box(case, model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)]).to(model.device)[None]
    sigmas = noise_levels.to(model.device)

    def features_of(levels: slice) -> Tensor:
        # Each level has a stream of noise of its own, however many are looked at together.
        each = [case_generator(seed, f"features {level}", case, model.device) for level in range(count)[levels]]
        noises = [torch.cat([unit_noise(image, generator) for generator in each]) for _ in range(draws)]
        shifts = shift_per_sigma(model, image, sigmas[levels], noises)
        return torch.stack([features(shift) for shift in shifts])

    count = len(sigmas)
    inside = in_shares(features_of, count, count if image.is_cuda else 1)
    volumes = torch.zeros((count, inside.shape[1], *case.brain_mask.shape), device=image.device)
    volumes[(slice(None), slice(None), *box)] = inside
    return volumes.flatten(0, 1)


def watched(cases: Cases, context: FitContext, split: str) -> Iterator[Case]:
    """Go through the cases of a split under a progress bar."""
    with context.progress(f"score norms of {split} cases", len(cases)) as tick:
        for case in cases:
            yield case
            tick()
