"""Brains of plain noise, an analytic score model of them, and a patch density fitted on four."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from bench.component import FitContext
from bench.reporting import SilentReporter
from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity

SHAPE = (16, 16, 16)


class SmoothBrainModel(ScoreModel):
    """An analytic score model: healthy brains are 0 inside, give or take 0.1."""

    def __init__(self, channels: int = 1) -> None:
        self.device, self.multiple_of, self.key = "cpu", 8, "analytic"
        self.process = ScoreModelProcess
        self.network = SimpleNamespace(first=SimpleNamespace(in_channels=channels))  # type: ignore[assignment]

    def noise_direction(self, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return -sigma.view(-1, 1, 1, 1, 1) * image / (0.1**2 + sigma.view(-1, 1, 1, 1, 1) ** 2)


class ScoreModelProcess:
    @staticmethod
    def noise_levels(count: int, highest: float, lowest: float) -> torch.Tensor:
        return torch.linspace(highest, lowest, count)


def brain(seed: int, lesion: float = 0.0, quiet: float = 0.0, channels: tuple[str, ...] = ("T1w",)) -> Case:
    """Noise of sd 0.1, the same in all channels; a lesion that is brighter, or a region of unusually little noise."""
    image = 0.1 * np.random.default_rng(seed).standard_normal((1, *SHAPE)).repeat(len(channels), axis=0)
    image[:, 4:7, 4:7, 4:7] += lesion
    if quiet:
        image[0, 9:12, 9:12, 9:12] *= quiet
    return Case(f"sub-{seed}", image.astype(np.float32), np.ones(SHAPE, bool), None, np.eye(4), channels)


def fitted(channels: tuple[str, ...] = ("T1w",), **changes: Any) -> PatchDensity:
    settings = {
        "noise_levels": 2,
        "highest_sigma": 0.2,
        "lowest_sigma": 0.1,
        "norms": "standardised",
        "embedding_features": 0,
        "image_summary": True,
        "position_features": 6,
        "blocks": 1,
        "hidden": 16,
        "residual_blocks": 1,
        "mixture": 2,
        "augmentation": "none",
        "dequantisation": 0.3,
        "steps": 60,
        "patches_per_step": 512,
        "images_per_step": 4,
        "learning_rate": 5e-3,
        "schedule": "one-cycle",
        "gradient_clip": 1.0,
        "average_decay": 0.9,
    } | changes
    train = [brain(seed, channels=channels) for seed in range(4)]
    context = FitContext(
        train=train,
        validation=train[:1],
        channels=channels,
        training_fingerprint="test",
        seed=0,
        device="cpu",
        store=None,  # type: ignore[arg-type]
        reporter=SilentReporter(),
    )
    return PatchDensity.train(PatchDensityConfig(**settings), context, SmoothBrainModel(len(channels)))
