"""ANDi: how far single denoising steps lead away from the image, aggregated over noise levels."""

from typing import Self

import torch
from pydantic import Field, model_validator

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import unit_noise
from methods.diffusion.sampling_runs import brain_image, case_generator, check_level, shift_per_sigma
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.parts.difference import map_of_box
from methods.parts.healthy import HealthyMean, RelativeConfig, RelativeMaps

SMALLEST_DEVIATION = 1e-4  # of a voxel: the logarithm of less means nothing


class ANDiConfig(RelativeConfig):
    """Settings of the method. Frotscher et al. have their own score model, so no default is that paper's alone."""

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    noise_levels: int = Field(20, ge=1, le=1000, description="how many noise levels (ours; they have 125)")
    lowest_sigma: float = Field(
        0.26, gt=0, description="lowest noise level on the [-1, 1] image scale (ours: that of their step 75)"
    )
    highest_sigma: float = Field(
        0.72, gt=0, description="highest noise level on the [-1, 1] image scale (ours: that of their step 200)"
    )
    draws: int = Field(1, ge=1, le=100, description="noisy images a level, averaged (ours: one, as they have)")

    @model_validator(mode="after")
    def _levels_are_known_to_the_model(self) -> Self:
        for name in ("lowest_sigma", "highest_sigma"):
            check_level(name, getattr(self, name), self.score_model)
        if self.highest_sigma < self.lowest_sigma:
            raise ValueError("highest_sigma must not be smaller than lowest_sigma")
        return self


class ANDi(Detector[ANDiConfig]):
    """Geometric mean, over noise levels, of the deviation of one denoising step from the step back to the image.

    Idea: noise is added and one step of denoising taken. The step that leads back to the image is known; where a
    healthy model steps elsewhere, the image is odd. A geometric mean asks for deviations at all levels. Source:
    Frotscher et al. 2023; here on the score model that all diffusion methods share.
    """

    info = MethodInfo(
        name="andi",
        title="ANDi",
        reference="Frotscher, Kapoor, Wolfers, Baumgartner 2023, arXiv:2312.01904",
    )

    @classmethod
    def contract_config(cls) -> ANDiConfig:
        return ANDiConfig(score_model=tiny_score_model(), noise_levels=2, healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """The diffusion model, and how far healthy images deviate."""
        model = context.fitted(ScoreModel, self.config.score_model)
        self.maps = RelativeMaps(HealthyDeviation, self.config, model, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


@torch.no_grad()
def deviation(config: ANDiConfig, model: ScoreModel, seed: int, case: Case) -> FloatArray:
    """Geometric mean over levels of the deviation, in units of each level's noise: (X, Y, Z) float32, 0 outside.

    Denoising steps differ from each other by the denoised image alone, so their distance is that of the denoised
    image to the image, times a factor of the level, which a geometric mean turns into a factor of the whole map.
    """
    image, box = brain_image(model, case)
    generator = case_generator(seed, "andi", case, model.device)
    logarithms = torch.zeros_like(image[0])
    levels = model.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)
    for sigma in levels.to(model.device):
        noises = [unit_noise(image[None], generator) for _ in range(config.draws)]
        shift = shift_per_sigma(model, image[None], sigma[None], noises)
        logarithms += torch.linalg.vector_norm(shift[0], dim=0).clamp(min=SMALLEST_DEVIATION).log()
    return map_of_box(case, box, (logarithms / len(levels)).exp().cpu().numpy())


class HealthyDeviation(HealthyMean[ANDiConfig, ScoreModel]):
    """Mean deviation of healthy images."""

    name = "healthy-deviation"

    raw_map = staticmethod(deviation)
