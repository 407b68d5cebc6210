"""Training augmentation of the authors' code, from MONAI's transforms.

Intensity shift and scale of 5 %, histogram shift (3 to 5 control points); and with probability 0.1 each an affine
transform (0.05 rad, 5 voxels), k-space spikes, Rician noise (0.01) and Gibbs ringing (0 to 0.1).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment (B, C, X, Y, Z) images on the [-1, 1] scale; background stays exactly -1, values stay in [-1, 1]."""
    from monai import transforms

    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    move = transforms.RandAffine(
        prob=0.1, rotate_range=[0.05] * 3, translate_range=[5] * 3, padding_mode="border", mode="bilinear"
    )
    change = transforms.Compose(
        [
            transforms.RandScaleIntensity(factors=0.05, prob=1.0),
            transforms.RandShiftIntensity(offsets=0.05, prob=1.0),
            transforms.RandHistogramShift(num_control_points=(3, 5), prob=1.0),
            transforms.RandKSpaceSpikeNoise(prob=0.1),
            transforms.RandRicianNoise(prob=0.1, std=0.01),
            transforms.RandGibbsNoise(prob=0.1, alpha=(0.0, 0.1)),
        ]
    )
    move.set_random_state(seed=seed)
    change.set_random_state(seed=seed)
    return torch.stack([_augment_one(image, move, change) for image in images])


def _augment_one(image: Tensor, move: Callable[[Tensor], Any], change: Callable[[Tensor], Any]) -> Tensor:
    # Rician noise and scaling expect intensities from 0 up.
    moved = torch.as_tensor(move((image + 1) / 2)).as_subclass(Tensor)
    changed = torch.as_tensor(change(moved)).as_subclass(Tensor).float()
    return torch.where(moved <= 0, 0.0, changed).clamp(0, 1) * 2 - 1
