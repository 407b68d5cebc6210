"""Inpaint: hide half of the image in a checkerboard, sample it from the other half, and compare."""

from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from bench.blur import blurred_inside
from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.diffusion.checkerboard import Pattern, hidden_half
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import Hold, SamplerConfig, in_batches, sample, unit_noise
from methods.diffusion.sampling_runs import brain_image, case_generator, check_level, score_of
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.parts.difference import residual_map
from methods.parts.healthy import HealthyMean, RelativeMaps, ResidualConfig


class InpaintConfig(ResidualConfig):
    """Settings of the inpainting. Each default says whose value it is."""

    not_in_raw_map: ClassVar[frozenset[str]] = ResidualConfig.not_in_raw_map | {"runs_at_once"}

    score_model: ScoreModelConfig = Field(ScoreModelConfig(), description="the diffusion model")
    sampler: SamplerConfig = Field(
        SamplerConfig(steps=1000),
        description="how hidden voxels are sampled; every second of 2000 steps (authors' code)",
    )
    start_sigma: float | None = Field(
        None, gt=0, description="noise level where sampling starts; none: the score model's sigma_max (authors' code)"
    )
    mask: Pattern = Field(
        "checkerboard",
        description="checkerboard (paper); authors-code: their mask, bars where cells are even in number",
    )
    cell_voxels: int = Field(3, ge=1, le=64, description="edge of a cell of the mask in voxels (authors' code)")
    hide_background: bool = Field(True, description="every run hides the voxels outside the brain, too (authors' code)")
    runs: int = Field(10, ge=2, le=1000, description="inpaintings; every second hides the other half (authors' code)")
    runs_at_once: int = Field(10, ge=1, description="runs in one batch: more take more memory (ours)")

    @model_validator(mode="after")
    def _start_is_known_to_the_model(self) -> Self:
        if self.start_sigma is not None:
            check_level("start_sigma", self.start_sigma, self.score_model)
        return self


class Inpaint(Detector[InpaintConfig]):
    """Absolute difference of the image to the mean of its inpaintings, summed over channels.

    Idea: a lesion cannot be told from the healthy half around it, so what the model puts there is healthy. A
    voxel's mean is over the runs that hid it; the others know its value. Source: paper section 5.3; after Liu et
    al. 2023, with the predictor-corrector inpainting of Song et al. 2020, appendix I.2.
    """

    info = MethodInfo(
        name="inpaint",
        title="Inpaint",
        reference="Liu, Zhou, Wang, Weinberger: Unsupervised Out-of-Distribution Detection with Diffusion Inpainting",
        paper_row="Inpaint",
    )

    @classmethod
    def contract_config(cls) -> InpaintConfig:
        return InpaintConfig(score_model=tiny_score_model(), sampler=SamplerConfig(steps=3), runs=2, healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """The diffusion model, and how far healthy images lie from their inpaintings."""
        model = context.fitted(ScoreModel, self.config.score_model)
        self.maps = RelativeMaps(HealthyInpainting, self.config, model, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


def inpainting_difference(config: InpaintConfig, model: ScoreModel, seed: int, case: Case) -> FloatArray:
    """|image - mean of the inpaintings| summed over channels: (X, Y, Z) float32, zero outside the brain."""
    image, box = brain_image(model, case)
    process = model.process
    highest = config.start_sigma or process.sigma_max
    levels = process.noise_levels(config.sampler.steps, highest, process.sigma_min).to(model.device)
    generator = case_generator(seed, "inpaint", case, model.device)
    total, times_hidden = torch.zeros_like(image), torch.zeros_like(image[0])
    for runs in in_batches(config.runs, config.runs_at_once):
        masks = [hidden_half(case.brain_mask.shape, config.cell_voxels, config.mask, run)[box] for run in runs]
        hidden = torch.stack(masks)[:, None].to(model.device)
        if config.hide_background:
            hidden |= ~torch.from_numpy(case.brain_mask[box]).to(model.device)
        hold = known_voxels(image, hidden, generator)
        start = guess(image, hidden, config.cell_voxels)
        start = hold(start + levels[0] * unit_noise(start, generator), levels[0])
        sampled = sample(score_of(model), start, levels, config.sampler, generator, hold)
        total += (sampled * hidden).sum(dim=0)
        times_hidden += hidden.sum(dim=(0, 1))
    return residual_map(case, box, (total / times_hidden).cpu().numpy(), config.signed_mm)


class HealthyInpainting(HealthyMean[InpaintConfig, ScoreModel]):
    """Mean difference of healthy images to their inpaintings."""

    name = "healthy-inpainting"

    raw_map = staticmethod(inpainting_difference)


def known_voxels(image: Tensor, hidden: Tensor, generator: torch.Generator) -> Hold:
    """Puts the known voxels of the image (C, X, Y, Z) back, with fresh noise of the level; hidden: (B, 1, X, Y, Z)."""

    def hold(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.where(hidden, x, image + sigma * unit_noise(x, generator))

    return hold


def guess(image: Tensor, hidden: Tensor, cell_voxels: int) -> Tensor:
    """(B, C, X, Y, Z): hidden voxels filled with a Gaussian mean of the known ones nearby.

    Sampling starts around it: it matters nothing at the paper's highest noise level, and is a fair start at a low
    one, as nothing of the hidden values is in it.
    """
    known = (~hidden).float().cpu().numpy()
    blurred = blurred_inside(image.cpu().numpy(), known, cell_voxels / 2)
    return torch.where(hidden, torch.from_numpy(blurred).to(image), image)
