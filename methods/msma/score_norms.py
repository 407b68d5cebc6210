"""Score norms of patches: how far, at each noise level, the score model would move every small neighbourhood."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.images import brain_box

ChannelJoin = Literal["norm", "sum", "separate"]


def patch_norm(score: Tensor, patch_size: int, join: ChannelJoin) -> Tensor:
    """Norms of the score over the patch around each voxel: (C, X, Y, Z) -> (1, X, Y, Z), separate: (C, X, Y, Z).

    Channels are joined as vector components ("norm"), or added first ("sum", the authors' code), where the
    responses of T1w and T2w to a lesion, dark in one and bright in the other, cancel; or each has a norm of its
    own ("separate"). Voxels beyond the border count as zero.
    """
    if join == "separate":
        squares = score.square()
    else:
        squares = (score.sum(dim=0).square() if join == "sum" else score.square().sum(dim=0))[None]
    mean = F.avg_pool3d(squares[:, None], patch_size, stride=1, padding=patch_size // 2)
    return (mean[:, 0] * patch_size**3).clamp(min=0).sqrt()


@torch.no_grad()
def score_norms(
    model: ScoreModel, case: Case, noise_levels: Tensor, patch_size: int = 3, join: ChannelJoin = "norm"
) -> Tensor:
    """(N, X, Y, Z) patch norms of sigma times the score of the clean image, zero outside the box of the brain.

    N is L, the number of noise levels; with separate channels L * C, the channels of a level side by side.

    Source: paper section 4; sigma times the score keeps all noise levels at one scale. The network runs on the
    box of the brain, one noise level at a time.
    """
    box = brain_box(case, model.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)]).to(model.device)[None]
    channels = image.shape[1] if join == "separate" else 1
    norms = torch.zeros((len(noise_levels), channels, *case.brain_mask.shape))
    for level, sigma in enumerate(noise_levels):
        direction = model.noise_direction(image, sigma[None].to(model.device))[0]
        norms[(level, slice(None), *box)] = patch_norm(direction, patch_size, join).cpu()
    return norms.flatten(0, 1)
