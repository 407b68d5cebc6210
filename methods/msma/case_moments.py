"""What is usual in the image itself, at each depth below the brain's surface.

A sharper or noisier scanner changes the features of a whole brain, and another brain extraction those of its rim; both
would count as anomalies against the healthy cohort alone. Set against the median and spread of the image's own voxels
of the same depth, what few of them share is left. Median and spread are quantiles: a lesion hardly moves them.
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from datasets.case import BoolArray, Case, depth_below_surface_mm

LAYERS_MM = (3.0, 5.0, 7.0, 11.0, 19.0)  # depths that part the layers of a brain
SMALLEST_LAYER = 100  # voxels; of fewer, the whole brain's moments are safer
SMALLEST_SPREAD = 0.1  # of features that are standardised by healthy moments
SAMPLE = 20_000  # voxels whose quantiles are taken


class CaseMoments(NamedTuple):
    """Layer (N,) of each of the N brain voxels; median and half of the central 68 % of a layer's features: (L, K)."""

    layers: Tensor
    middle: Tensor
    spread: Tensor

    @classmethod
    def of(cls, case: Case, features: Tensor) -> Self:
        """Those of a case and its features (N, K), standardised by healthy moments."""
        layers = depth_layers(case.brain_mask, case.spacing_mm).to(features.device)
        whole = middle_and_spread(features)
        found = []
        for layer in range(len(LAYERS_MM) + 1):
            inside = features[layers == layer]
            found.append(middle_and_spread(inside) if len(inside) >= SMALLEST_LAYER else whole)
        middle, spread = (torch.stack(part) for part in zip(*found, strict=True))
        return cls(layers, middle, spread.clamp(min=SMALLEST_SPREAD))

    def standardise(self, features: Tensor, voxels: Tensor | slice = slice(None)) -> Tensor:
        """Features (M, K) of these of the brain voxels, in spreads from the median of their layer."""
        layers = self.layers[voxels]
        return (features - self.middle[layers]) / self.spread[layers]

    def cpu(self) -> "CaseMoments":
        """The same in the processor's memory."""
        return CaseMoments(*(part.cpu() for part in self))


def depth_layers(brain_mask: BoolArray, spacing_mm: tuple[float, ...]) -> Tensor:
    """(N,) which layer each voxel of the mask lies in, 0 at the surface; depth is that of its centre."""
    depth_mm = depth_below_surface_mm(brain_mask, spacing_mm)[brain_mask]
    return torch.from_numpy(np.digitize(depth_mm, LAYERS_MM))


def middle_and_spread(values: Tensor) -> tuple[Tensor, Tensor]:
    """(K,) median and half of the central 68 % of the values (N, K)."""
    quantiles = torch.tensor([0.16, 0.5, 0.84], device=values.device)
    low, middle, high = torch.quantile(values[:: max(1, len(values) // SAMPLE)], quantiles, dim=0)
    return middle, (high - low) / 2
