"""Restoration: noise the image a little, sample back, and see what changed."""

from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import SamplerConfig, in_batches, sample
from methods.diffusion.sampling_runs import brain_image, case_generator, check_level, score_of
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.sde import add_noise
from methods.diffusion.tiny import tiny_score_model
from methods.parts.difference import residual_map
from methods.parts.healthy import HealthyMean, RelativeMaps, ResidualConfig


class RestorationConfig(ResidualConfig):
    """Settings of the restoration. Each default says whose value it is."""

    not_in_raw_map: ClassVar[frozenset[str]] = ResidualConfig.not_in_raw_map | {"runs_at_once"}

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    sampler: SamplerConfig = Field(
        SamplerConfig(steps=500), description="how runs go back to the image; 500 of 2000 steps (paper)"
    )
    start_sigma: float = Field(
        0.586, gt=0, description="noise put on the image, on the [-1, 1] scale (paper: that of t = 0.25)"
    )
    runs: int = Field(10, ge=1, le=1000, description="restorations that are averaged (authors' code)")
    runs_at_once: int = Field(10, ge=1, description="runs in one batch: more take more memory (ours)")

    @model_validator(mode="after")
    def _start_is_known_to_the_model(self) -> Self:
        check_level("start_sigma", self.start_sigma, self.score_model)
        return self


class Restoration(Detector[RestorationConfig]):
    """Absolute difference of the image to the mean of its restorations, summed over channels.

    Idea: noise of a quarter of the diffusion's time hides what is small and odd; what the model puts back is what
    healthy brains have there. With `healthy_cases`, relative to the same difference of healthy images. Source: paper
    section 5.3; after Wyatt et al. 2022 (AnoDDPM), with Gaussian noise instead of simplex noise.
    """

    info = MethodInfo(
        name="restoration",
        title="Restoration",
        reference="Wyatt, Leach, Schmon, Willcocks 2022, doi:10.1109/CVPRW56347.2022.00080",
        paper_row="Restoration",
    )

    @classmethod
    def contract_config(cls) -> RestorationConfig:
        return RestorationConfig(
            score_model=tiny_score_model(), sampler=SamplerConfig(steps=3), runs=2, healthy_cases=2
        )

    def fit(self, context: FitContext) -> None:
        """The diffusion model, and how far healthy images lie from their restorations."""
        model = context.fitted(ScoreModel, self.config.score_model)
        self.maps = RelativeMaps(HealthyRestoration, self.config, model, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


def restoration_difference(config: RestorationConfig, model: ScoreModel, seed: int, case: Case) -> FloatArray:
    """|image - mean of the restorations| summed over channels: (X, Y, Z) float32, zero outside the brain."""
    image, box = brain_image(model, case)
    levels = model.process.noise_levels(config.sampler.steps, config.start_sigma, config.score_model.sigma_min)
    levels = levels.to(model.device)
    generator = case_generator(seed, "restoration", case, model.device)
    total = torch.zeros_like(image)
    for runs in in_batches(config.runs, config.runs_at_once):
        batch = image.expand(len(runs), *image.shape)
        start, _ = add_noise(batch, levels[0].expand(len(runs)), generator)
        total += sample(score_of(model), start, levels, config.sampler, generator).sum(dim=0)
    return residual_map(case, box, (total / config.runs).cpu().numpy(), config.signed_mm)


class HealthyRestoration(HealthyMean[RestorationConfig, ScoreModel]):
    """Mean difference of healthy images to their restorations."""

    name = "healthy-restoration"

    raw_map = staticmethod(restoration_difference)
