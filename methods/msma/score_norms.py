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

    N is L * norms_per_level, L the number of noise levels; the norms of a level lie side by side.

    Source: paper section 4; sigma times the score keeps all noise levels at one scale. The network runs on the
    box of the brain, one noise level at a time.
    """
    box = brain_box(case, model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)]).to(model.device)[None]
    norms = torch.zeros((len(noise_levels), norms_per_level(image.shape[1], join), *case.brain_mask.shape))
    for level, sigma in enumerate(noise_levels):
        direction = model.noise_direction(image, sigma[None].to(model.device))[0]
        norms[(level, slice(None), *box)] = patch_norm(direction, patch_size, join).cpu()
    return norms.flatten(0, 1)


def watched(cases: Cases, context: FitContext, split: str) -> Iterator[Case]:
    """Go through the cases of a split under a progress bar."""
    with context.progress(f"score norms of {split} cases", len(cases)) as tick:
        for case in cases:
            yield case
            tick()
