"""AE: a 3D residual autoencoder trained on healthy brains, and what it cannot reconstruct."""

from functools import partial
from typing import Any

import torch
from pydantic import Field

from bench.component import AnyComponent
from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.parts.autoencoder import Autoencoder, AutoencoderConfig
from methods.parts.difference import difference_map
from methods.parts.healthy import HealthyMean, HealthyMeanConfig, RawMap, RelativeConfig, finished_map
from methods.parts.images import brain_box


class AEConfig(RelativeConfig):
    """Settings of the method."""

    autoencoder: AutoencoderConfig = Field(AutoencoderConfig(), description="network and training")


class AE(Detector[AEConfig]):
    """Absolute error of the reconstruction, summed over channels.

    Idea: an autoencoder that has only seen healthy brains, and has to press them through a narrow code, gives back
    healthy tissue where a lesion is. Source: paper section 5.3; after Luo et al. 2023.
    """

    info = MethodInfo(
        name="ae",
        title="Autoencoder",
        reference="Luo et al. 2023, doi:10.1016/j.compbiomed.2023.106610",
        paper_row="AE",
    )
    healthy: HealthyMean | None = None

    @classmethod
    def contract_config(cls) -> AEConfig:
        tiny = AutoencoderConfig(channels=(4, 8, 4), iterations=10, batch_size=2, crop_size=32, augmentation="none")
        return AEConfig(autoencoder=tiny, healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """Train the autoencoder, and see how far healthy images lie from their reconstructions."""
        self.autoencoder = context.fitted(Autoencoder, self.config.autoencoder)
        if self.config.healthy_cases:
            mean = HealthyMeanConfig(cases=self.config.healthy_cases)
            self.healthy = context.fitted(HealthyReconstruction, mean, upstream=self.autoencoder)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        raw = reconstruction_difference(self.autoencoder, case)
        return finished_map(case, raw, self.healthy, self.config.smoothing_mm)


@torch.no_grad()
def reconstruction_difference(autoencoder: Autoencoder, case: Case) -> FloatArray:
    """|image - reconstruction| summed over channels: (X, Y, Z) float32, zero outside the brain."""
    box = brain_box(case, autoencoder.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)])
    reconstruction = autoencoder.reconstruct(autoencoder.padded(image[None]))[0].cpu().numpy()
    x, y, z = image.shape[1:]
    return difference_map(case, box, reconstruction[:, :x, :y, :z])


class HealthyReconstruction(HealthyMean):
    """Mean error of the reconstructions of healthy images."""

    name = "healthy-reconstruction"

    @classmethod
    def raw_map(cls, settings: dict[str, Any], upstream: AnyComponent | None, seed: int) -> RawMap:
        assert isinstance(upstream, Autoencoder)
        return partial(reconstruction_difference, upstream)
