"""Restoration: noise the image a little, sample back, and see what changed."""

from typing import Any, Self

import torch
from pydantic import Field, model_validator

from bench.detector import Case, Cases, Detector, FitContext, FloatArray, MethodConfig, MethodInfo
from bench.registry import register
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import SamplerConfig, in_batches, sample
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.sde import add_noise
from methods.diffusion.tiny import tiny_score_model
from methods.reconstruction.difference import difference_map
from methods.reconstruction.runs import brain_image, case_generator, check_start, score_of


class RestorationConfig(MethodConfig):
    """Settings of the restoration; the defaults are the paper's."""

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    sampler: SamplerConfig = Field(SamplerConfig(steps=500), description="how runs go back to the image")
    start_sigma: float = Field(
        0.586, gt=0, description="noise put on the image, on the [-1, 1] scale; the paper's is that of t = 0.25"
    )
    runs: int = Field(10, ge=1, le=1000, description="restorations that are averaged")
    runs_at_once: int = Field(10, ge=1, description="runs in one batch: more take more memory")
    smoothing_mm: float = Field(0.0, ge=0, le=20, description="sigma of the Gaussian mean of the map, in mm")

    @model_validator(mode="after")
    def _start_is_known_to_the_model(self) -> Self:
        check_start(self.start_sigma, self.score_model)
        return self


@register
class Restoration(Detector):
    """Absolute difference of the image to the mean of its restorations, summed over channels.

    Idea: noise of a quarter of the diffusion's time hides what is small and odd; what the model puts back is what
    healthy brains have there. Source: paper section 5.3; after Wyatt et al. 2022 (AnoDDPM), with Gaussian noise
    instead of simplex noise.
    """

    info = MethodInfo(
        name="restoration",
        title="Restoration",
        reference="Wyatt, Leach, Schmon, Willcocks 2022, doi:10.1109/CVPRW56347.2022.00080",
        paper_row="Restoration",
    )
    Config = RestorationConfig

    @classmethod
    def contract_config(cls) -> Any:
        return cls.Config(score_model=tiny_score_model(), sampler=SamplerConfig(steps=3), runs=2)

    def fit(self, train: Cases, validation: Cases, context: FitContext) -> None:
        """Only the diffusion model is learned."""
        self.model = context.fitted(ScoreModel, self.config.score_model)
        self.seed = context.seed

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        config, model = self.config, self.model
        image, box = brain_image(model, case)
        levels = model.process.noise_levels(config.sampler.steps, config.start_sigma, config.score_model.sigma_min)
        levels = levels.to(model.device)
        generator = case_generator(self.seed, "restoration", case, model.device)
        total = torch.zeros_like(image)
        for runs in in_batches(config.runs, config.runs_at_once):
            batch = image.expand(len(runs), *image.shape)
            start, _ = add_noise(batch, levels[0].expand(len(runs)), generator)
            total += sample(score_of(model), start, levels, config.sampler, generator).sum(dim=0)
        mean = (total / config.runs).cpu().numpy()
        return difference_map(case, box, mean, config.smoothing_mm)
