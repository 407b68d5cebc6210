"""Spatial-MSMA: likelihood of every patch's score norms, given its place and the image."""

from pydantic import Field

from bench.detector import Case, Detector, FitContext, FloatArray, MethodConfig, MethodInfo
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity


class SpatialMSMAConfig(MethodConfig):
    """Settings of Spatial-MSMA."""

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    patches: PatchDensityConfig = Field(PatchDensityConfig(), description="the patch density")


class SpatialMSMA(Detector[SpatialMSMAConfig]):
    """Negative log-likelihood of the patch around each voxel under p(score norms | place, image features).

    Source: paper section 4, Figure 1.
    """

    info = MethodInfo(
        name="spatial-msma",
        title="Spatial-MSMA",
        reference="Mahmood, Oliva, Styner: Localizing Anomalies via Multiscale Score Matching Analysis",
        paper_row="Spatial-MSMA",
    )

    @classmethod
    def contract_config(cls) -> SpatialMSMAConfig:
        patches = PatchDensityConfig(
            noise_levels=2,
            highest_sigma=0.3,
            attention_width=8,
            embedding_features=4,
            blocks=1,
            hidden=8,
            mixture=2,
            steps=5,
            patches_per_step=64,
        )
        return SpatialMSMAConfig(score_model=tiny_score_model(), patches=patches)

    def fit(self, context: FitContext) -> None:
        """The diffusion model first, then the density of its score norms."""
        score_model = context.fitted(ScoreModel, self.config.score_model)
        self.patches = context.fitted(PatchDensity, self.config.patches, upstream=score_model)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32 negative log-likelihood in nats; outside the brain the lowest value inside."""
        return self.patches.negative_log_likelihood(case)
