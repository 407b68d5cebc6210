"""AE: a 3D residual autoencoder trained on healthy brains, and what it cannot reconstruct."""

from typing import ClassVar

import torch
from pydantic import Field

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.parts.autoencoder import Autoencoder, AutoencoderConfig
from methods.parts.difference import residual_map
from methods.parts.healthy import HealthyMean, RelativeMaps, ResidualConfig
from methods.parts.images import brain_box


class AEConfig(ResidualConfig):
    """Settings of the method."""

    # The autoencoder's own key tells trained parts apart that build on it.
    not_in_raw_map: ClassVar[frozenset[str]] = ResidualConfig.not_in_raw_map | {"autoencoder"}

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

    @classmethod
    def contract_config(cls) -> AEConfig:
        tiny = AutoencoderConfig(channels=(4, 8, 4), iterations=10, batch_size=2, crop_size=32, augmentation="none")
        return AEConfig(autoencoder=tiny, healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """Train the autoencoder, and see how far healthy images lie from their reconstructions."""
        autoencoder = context.fitted(Autoencoder, self.config.autoencoder)
        self.maps = RelativeMaps(HealthyReconstruction, self.config, autoencoder, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


@torch.no_grad()
def reconstruction_difference(config: AEConfig, autoencoder: Autoencoder, seed: int, case: Case) -> FloatArray:
    """|image - reconstruction| summed over channels: (X, Y, Z) float32, zero outside the brain; nothing is drawn."""
    box = brain_box(case, autoencoder.multiple_of)
    image = torch.from_numpy(case.image[(slice(None), *box)])
    reconstruction = autoencoder.reconstruct(autoencoder.padded(image[None]))[0].cpu().numpy()
    x, y, z = image.shape[1:]
    return residual_map(case, box, reconstruction[:, :x, :y, :z], config.signed_mm)


class HealthyReconstruction(HealthyMean[AEConfig, Autoencoder]):
    """Mean error of the reconstructions of healthy images."""

    name = "healthy-reconstruction"

    raw_map = staticmethod(reconstruction_difference)
