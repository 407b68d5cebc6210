"""What the methods that use a score model do with it on the brain of a case."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.seeds import derived_seed
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampler import Score
from methods.diffusion.score_model import ScoreModel
from methods.parts.images import Box, brain_box


def check_level(name: str, sigma: float, model: ScoreModelConfig) -> None:
    """ValueError for the setting of that name when the score model knows nothing of its noise level."""
    if not model.sigma_min <= sigma <= model.sigma_max:
        raise ValueError(
            f"{name} must lie between the score model's sigma_min {model.sigma_min} and sigma_max {model.sigma_max}"
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


def shift_per_sigma(model: ScoreModel, image: Tensor, sigmas: Tensor, noises: Sequence[Tensor]) -> Tensor:
    """How far the model would move an image (1, C, X, Y, Z) at noise levels (B,), in units of each: (B, C, X, Y, Z).

    Without noises, of the image as it is, whose noise is much less than the levels. With noises, each (B, C, X, Y, Z)
    of unit variance, as the model was trained: noise of the level is added, the model denoises once, what is left of
    the noise, which is known, is taken off, and this is averaged over the noises.
    """
    images = image.expand(len(sigmas), *image.shape[1:])
    if not noises:
        return model.noise_direction(images, sigmas)
    total = torch.zeros_like(images)
    for noise in noises:
        total += model.noise_direction(images + sigmas.view(-1, 1, 1, 1, 1) * noise, sigmas) + noise
    return total / len(noises)
