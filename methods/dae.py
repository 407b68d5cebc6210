"""DAE: a denoising autoencoder trained on coarse noise, and what it takes for noise."""

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy import ndimage

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.parts.denoiser import Denoiser, DenoiserConfig
from methods.parts.difference import residual_map
from methods.parts.healthy import HealthyMean, RelativeMaps, ResidualConfig
from methods.parts.images import brain_box


class DAEConfig(ResidualConfig):
    """Settings of the method."""

    not_in_raw_map: ClassVar[frozenset[str]] = ResidualConfig.not_in_raw_map | {"denoiser"}

    denoiser: DenoiserConfig = Field(DenoiserConfig(), description="network, noise and training")
    median_voxels: int = Field(
        5,
        ge=1,
        le=15,
        description="edge of the median of absolute errors; 1: none (ours: as Kascenas et al. have)",
    )


class DAE(Detector[DAEConfig]):
    """Absolute difference of the image to its denoised self, summed over channels, after a median filter.

    Idea: a network that has learned to take blobs of noise off healthy brains takes off what looks like one: a lesion.
    It sees the clean image, no noise is added. Source: Kascenas, Pugeault, O'Neil 2022; here in 3D.
    """

    info = MethodInfo(
        name="dae",
        title="Denoising autoencoder",
        reference="Kascenas, Pugeault, O'Neil 2022, openreview.net/forum?id=Bm8-t_ggzPD",
    )

    @classmethod
    def contract_config(cls) -> DAEConfig:
        tiny = DenoiserConfig(widths=(4, 4, 8, 8, 8), iterations=10, batch_size=2, crop_size=16)
        return DAEConfig(denoiser=tiny, healthy_cases=2, median_voxels=3)

    def fit(self, context: FitContext) -> None:
        """Train the denoiser, and see how much it takes off healthy images."""
        denoiser = context.fitted(Denoiser, self.config.denoiser)
        self.maps = RelativeMaps(HealthyNoise, self.config, denoiser, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


@torch.no_grad()
def denoising_difference(config: DAEConfig, denoiser: Denoiser, seed: int, case: Case) -> FloatArray:
    """|image - denoised image|, median-filtered: (X, Y, Z) float32, zero outside the brain; nothing is drawn."""
    box = brain_box(case, denoiser.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)])
    denoised = denoiser.denoised(denoiser.padded(image[None]))[0].cpu().numpy()
    x, y, z = image.shape[1:]
    difference = residual_map(case, box, denoised[:, :x, :y, :z], config.signed_mm)
    if config.signed_mm is None and config.median_voxels > 1:
        difference = ndimage.median_filter(difference, config.median_voxels)
    return np.where(case.brain_mask, difference, np.float32(0))


class HealthyNoise(HealthyMean[DAEConfig, Denoiser]):
    """Mean of what is taken off healthy images."""

    name = "healthy-noise"

    raw_map = staticmethod(denoising_difference)
