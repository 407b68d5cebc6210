"""Score norms of patches: how far, at each noise level, the score model would move every small neighbourhood."""

from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.component import FitContext
from datasets.case import Case, Cases
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
def score_norms(
    model: ScoreModel, case: Case, noise_levels: Tensor, patch_size: int = 3, join: ChannelJoin = "norm"
) -> Tensor:
    """(N, X, Y, Z) patch norms of sigma times the score of the clean image, zero outside the box of the brain.

    N is L * norms_per_level, L the number of noise levels; the norms of a level lie side by side, on the model's
    device.

    Source: paper section 4; sigma times the score keeps all noise levels at one scale. The network runs on the
    box of the brain: on a CPU one noise level at a time, on a GPU all that fit its memory.
    """
    box = brain_box(case, model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)]).to(model.device)[None]
    sigmas = noise_levels.to(model.device)

    def norms_of(levels: slice) -> Tensor:
        some = sigmas[levels]
        directions = model.noise_direction(image.expand(len(some), -1, -1, -1, -1), some)
        return torch.stack([patch_norm(direction, patch_size, join) for direction in directions])

    count = len(sigmas)
    inside = in_shares(norms_of, count, count if image.is_cuda else 1)
    norms = torch.zeros((count, inside.shape[1], *case.brain_mask.shape), device=image.device)
    norms[(slice(None), slice(None), *box)] = inside
    return norms.flatten(0, 1)


def watched(cases: Cases, context: FitContext, split: str) -> Iterator[Case]:
    """Go through the cases of a split under a progress bar."""
    with context.progress(f"score norms of {split} cases", len(cases)) as tick:
        for case in cases:
            yield case
            tick()
