"""Mean and standard deviation of healthy patch features around each place of the brain."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from methods.parts.smoothing import halved, local_mean

PRIOR_CASES = 0.05  # weight of the mean over all places: a twentieth of one subject
SMALLEST_SD = 0.05  # of logarithms; of other features in units of their deviation over the whole brain


class LocalMoments:
    """Running sums over healthy cases of K features a voxel; then smooth local mean and standard deviation.

    are_logarithms: which of the K features are, as log norms are; signed means are not.
    """

    def __init__(self, are_logarithms: Sequence[bool], shape: tuple[int, int, int], device: str = "cpu") -> None:
        self.are_logarithms = np.array(are_logarithms)[:, None, None, None]
        self.count = np.zeros(shape)
        self.total = torch.zeros((2, len(are_logarithms), *shape), dtype=torch.float64, device=device)

    def add(self, features: Tensor, brain_mask: np.ndarray) -> None:
        """features: (K, X, Y, Z); only voxels of the brain mask (X, Y, Z) count."""
        inside = torch.from_numpy(brain_mask).to(features.device)
        values = torch.where(inside, features, 0).to(self.total.device)
        self.count += brain_mask
        self.total[0] += values
        self.total[1] += values.square()

    def finish(self, smoothing_voxels: float) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, (K, x, y, z) at half resolution.

        Sums and counts are blurred alike, so that every place borrows from its neighbours inside the brain;
        where no brain was seen nearby, the mean over all places stands in.
        """
        sums = self.total.cpu().numpy()
        mean, square = local_mean(sums, self.count, smoothing_voxels, PRIOR_CASES)
        overall_mean, overall_square = sums.sum(axis=(2, 3, 4), keepdims=True) / max(self.count.sum(), 1)
        unit = np.where(self.are_logarithms, 1.0, np.sqrt(np.maximum(overall_square - overall_mean**2, 1e-12)))
        sd = np.sqrt(np.maximum(square - mean**2, (SMALLEST_SD * unit) ** 2))
        return halved(torch.from_numpy(mean).float()), halved(torch.from_numpy(sd).float())
