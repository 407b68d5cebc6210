"""The smallest diffusion model that runs every step, for the contract test."""

from methods.diffusion.config import ScoreModelConfig


def tiny_score_model() -> ScoreModelConfig:
    """Two levels, a few training steps: seconds on one core, and no use for anything but tests."""
    return ScoreModelConfig(
        width=4,
        multipliers=(1, 2),
        blocks_down=(1, 1),
        blocks_up=(1,),
        fourier_features=8,
        fourier_scale=0.1,
        sigma_min=0.05,
        sigma_max=1.0,
        iterations=20,
        batch_size=2,
        crop_size=16,
        learning_rate=3e-3,
        warm_up=2,
        average_decay=0.5,
        augmentation="none",
    )
