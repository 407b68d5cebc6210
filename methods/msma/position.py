"""Sinusoidal code of a voxel's place in the volume (Vaswani et al. 2017, on three axes)."""

from collections.abc import Sequence

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
    return _scaled(mask.nonzero(), mask.shape)


def voxel_coordinates_at(voxels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """(N, 3) coordinates in [-1, 1] of voxels given by their flat index (N,) in a volume of this shape."""
    return _scaled(torch.stack(torch.unravel_index(voxels, shape), dim=1), shape)


def _scaled(indices: Tensor, shape: Sequence[int]) -> Tensor:
    size = torch.tensor(shape, dtype=torch.float32, device=indices.device)
    return (indices.float() + 0.5) / size * 2 - 1
