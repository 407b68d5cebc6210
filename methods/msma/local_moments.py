"""Mean and standard deviation of healthy log score norms around each place of the brain."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

STRIDE = 2  # moments are smooth, so they are kept at half resolution
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
        sigma = (0, 0, smoothing_voxels, smoothing_voxels, smoothing_voxels)
        count = gaussian_filter(self.count, smoothing_voxels)
        sums = gaussian_filter(self.sums, sigma)
        overall = self.sums.sum((2, 3, 4), keepdims=True) / max(1.0, self.count.sum())
        prior = 0.05  # as heavy as a twentieth of one subject
        mean, square = (sums + prior * overall) / (count + prior)
        sd = np.sqrt(np.maximum(square - mean**2, SMALLEST_SD**2))
        return _shrink(mean), _shrink(sd)


def _shrink(values: np.ndarray) -> Tensor:
    return F.avg_pool3d(torch.from_numpy(values).float()[None], STRIDE)[0]


def grow(moments: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Moments at full resolution: (K, x, y, z) -> (K, X, Y, Z)."""
    return F.interpolate(moments[None], size=shape, mode="trilinear", align_corners=False)[0]
