"""Mean and standard deviation of healthy log score norms around each place of the brain."""

import numpy as np
import torch
from torch import Tensor

from methods.parts.smoothing import halved, local_mean

PRIOR_CASES = 0.05  # weight of the mean over all places: a twentieth of one subject
SMALLEST_SD = 0.05


class LocalMoments:
    """Running sums over healthy cases of K log norms a voxel; then smooth local mean and standard deviation."""

    def __init__(self, norms: int, shape: tuple[int, int, int]) -> None:
        self.count = np.zeros(shape)
        self.sums = np.zeros((2, norms, *shape))

    def add(self, log_norms: Tensor, brain_mask: np.ndarray) -> None:
        """log_norms: (K, X, Y, Z); only voxels of the brain mask (X, Y, Z) count."""
        values = np.where(brain_mask, log_norms.numpy(), 0)
        self.count += brain_mask
        self.sums += np.stack([values, values**2])

    def finish(self, smoothing_voxels: float) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, (K, x, y, z) at half resolution.

        Sums and counts are blurred alike, so that every place borrows from its neighbours inside the brain;
        where no brain was seen nearby, the mean over all places stands in.
        """
        mean, square = local_mean(self.sums, self.count, smoothing_voxels, PRIOR_CASES)
        sd = np.sqrt(np.maximum(square - mean**2, SMALLEST_SD**2))
        return halved(torch.from_numpy(mean).float()), halved(torch.from_numpy(sd).float())
