"""What a patch is known by at one noise level: norms of the score over it, and signed means.

A norm says how much a patch would move, whichever way: it sees fine texture and sharp edges. A mean keeps the sign: it
sees that a whole patch should be brighter or darker than it is, which is what a soft lesion looks like.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.msma.score_norms import ChannelJoin, norms_per_level, patch_norm

Features = Literal["norm", "mean", "norm+mean"]


@dataclass(frozen=True)
class PatchFeatures:
    """Which features describe a patch.

    Attributes:
        patch_size: edge of the box of norms, in voxels; None for no norms.
        join: how norms join channels.
        mean_sizes: edges of the boxes of signed means, in voxels; each channel has means of its own.
    """

    patch_size: int | None
    join: ChannelJoin
    mean_sizes: tuple[int, ...]

    def are_norms(self, channels: int) -> list[bool]:
        """For each feature of a level, whether it is a norm: these come first."""
        norms = norms_per_level(channels, self.join) if self.patch_size else 0
        return [True] * norms + [False] * (channels * len(self.mean_sizes))

    def of(self, score: Tensor) -> Tensor:
        """The features of every voxel: (C, X, Y, Z) -> (K, X, Y, Z), norms first, then means size by size."""
        norms = [patch_norm(score, self.patch_size, self.join)] if self.patch_size else []
        return torch.cat([*norms, *(patch_mean(score, size) for size in self.mean_sizes)])


def patch_mean(score: Tensor, size: int) -> Tensor:
    """Mean of each channel over the cube around each voxel, (C, X, Y, Z); beyond the border counts as zero."""
    mean = score[:, None]
    for axis in range(3):  # one axis after another: 3 n steps a voxel instead of n^3
        kernel, padding = [1, 1, 1], [0, 0, 0]
        kernel[axis], padding[axis] = size, size // 2
        mean = F.avg_pool3d(mean, kernel, stride=1, padding=padding)
    return mean[:, 0]
