"""Sampling runs of a score model on the brain of a case."""

import torch
from torch import Tensor

from bench.seeds import derived_seed
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import Score
from methods.diffusion.score_model import ScoreModel
from methods.parts.images import Box, brain_box


def check_start(start_sigma: float, model: ScoreModelConfig) -> None:
    """ValueError when sampling would start where the score model knows nothing."""
    if not model.sigma_min <= start_sigma <= model.sigma_max:
        raise ValueError(
            f"start_sigma must lie between the score model's sigma_min {model.sigma_min} and "
            f"sigma_max {model.sigma_max}"
        )


def brain_image(model: ScoreModel, case: Case) -> tuple[Tensor, Box]:
    """The image (C, x, y, z) on the model's device, cut to the box of its brain, and the box."""
    box = brain_box(case, model.multiple_of)
    return torch.from_numpy(case.image[(slice(None), *box)].copy()).to(model.device), box


def score_of(model: ScoreModel) -> Score:
    """The score itself: the network gives it times the noise level."""
    return lambda x, sigma: model.noise_direction(x, sigma) / sigma.view(-1, 1, 1, 1, 1)


def case_generator(seed: int, method: str, case: Case, device: str) -> torch.Generator:
    """Random stream of one case, whichever cases were scored before."""
    return torch.Generator(device).manual_seed(derived_seed(seed, method, case.id))
