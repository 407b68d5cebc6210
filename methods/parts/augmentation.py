"""Training augmentation of the authors' code, from MONAI's transforms (the paper names none).

Each with probability 0.1, on intensities from 0 up: shift by up to 5 % of a channel's standard deviation, scale by up
to 5 %, histogram shift (3 to 5 control points), affine (0.05 rad, 5 voxels), k-space spikes, Rician noise (0.01) and
Gibbs ringing (0 to 0.1). The percentile scaling to [-1, 1] comes after it, so that a shift leaves no trace, and a
scaling none but where it clips.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Augmentation = Literal["none", "authors-code"]

PROBABILITY = 0.1  # MONAI's own
PERCENTILES = (0.01, 99.9)  # those of the preparation
NO_TRACE = 1e-5  # of the range: rounding


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment (B, C, X, Y, Z) images on the [-1, 1] scale; background stays exactly -1, values stay in [-1, 1]."""
    return augmented(images, augmentation_seed(generator))


def augmentation_seed(generator: torch.Generator) -> int:
    """What decides on the augmentation of a batch."""
    return int(torch.randint(2**31 - 1, (1,), generator=generator))


def augmented(images: Tensor, seed: int) -> Tensor:
    """`augment` with its seed. Works where the images lie; what is drawn does not depend on that."""
    from monai import transforms

    # One number for the translation: MONAI then moves images along the first axis alone, and so does the authors' code.
    move = transforms.RandAffine(prob=PROBABILITY, rotate_range=[0.05] * 3, translate_range=5, mode="bilinear")
    change = transforms.Compose(
        [
            transforms.RandStdShiftIntensity(factors=0.05, prob=PROBABILITY, channel_wise=True),
            transforms.RandScaleIntensity(factors=0.05, prob=PROBABILITY),
            transforms.RandHistogramShift(num_control_points=(3, 5), prob=PROBABILITY),
            transforms.RandKSpaceSpikeNoise(prob=PROBABILITY),
            transforms.RandRicianNoise(prob=PROBABILITY, std=0.01),
            transforms.RandGibbsNoise(prob=PROBABILITY, alpha=(0.0, 0.1)),
        ]
    )
    move.set_random_state(seed=seed)
    change.set_random_state(seed=seed)
    return torch.stack([_augment_one(image, move, change) for image in images])


def _augment_one(image: Tensor, move: Callable[[Tensor], Any], change: Callable[[Tensor], Any]) -> Tensor:
    intensities = (image + 1) / 2  # a prepared image is the raw one, shifted, scaled and clipped
    moved = torch.as_tensor(move(intensities)).as_subclass(Tensor)
    changed = torch.as_tensor(change(moved.clone())).as_subclass(Tensor).float()
    if torch.equal(changed, intensities):
        return image
    scaled = torch.stack([_scaled_back(*channels) for channels in zip(changed, intensities, strict=True)])
    return torch.where(moved <= 0, 0.0, scaled).clamp(0, 1) * 2 - 1


def _scaled_back(changed: Tensor, intensities: Tensor) -> Tensor:
    """The channel with its percentiles where they were before: at 0 and 1 in a whole image, elsewhere in a crop."""
    (low, high), (low_before, high_before) = _percentiles(changed), _percentiles(intensities)
    if high - low < NO_TRACE:
        return intensities
    back: Tensor = (changed - low) / (high - low) * (high_before - low_before) + low_before
    return back


def _percentiles(values: Tensor) -> tuple[float, float]:
    if values.is_cuda:
        shares = torch.tensor(PERCENTILES, device=values.device) / 100
        low, high = torch.quantile(values.flatten(), shares).tolist()
    else:
        low, high = np.percentile(values, PERCENTILES)
    return low, high
