"""Sinusoidal code of a voxel's place in the volume (Vaswani et al. 2017, on three axes)."""

import torch
from torch import Tensor


def position_code(coordinates: Tensor, features: int) -> Tensor:
    """(N, 3) coordinates in [-1, 1] -> (N, 6 * (features // 6)): sines and cosines of `features // 6` frequencies.

    Wavelengths run from the whole volume down, geometrically, to a sixteenth of it.
    """
    count = max(1, features // 6)
    frequencies = torch.pi * 16 ** (torch.arange(count) / max(1, count - 1) if count > 1 else torch.zeros(1))
    angles = coordinates[:, :, None] * frequencies.to(coordinates)
    return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)


def voxel_coordinates(mask: Tensor) -> Tensor:
    """(N, 3) coordinates in [-1, 1] of the true voxels of a (X, Y, Z) mask."""
    size = torch.tensor(mask.shape, dtype=torch.float32)
    return (mask.nonzero().float() + 0.5) / size * 2 - 1
