"""Settings of the diffusion model, its network and its training."""

from typing import Self

from pydantic import Field, model_validator

from bench.component import ComponentConfig
from methods.diffusion.sde import VarianceExploding
from methods.parts.augmentation import Augmentation


class ScoreModelConfig(ComponentConfig):
    """Settings of the diffusion model. Each default says whose value it is."""

    width: int = Field(24, ge=4, le=256, description="channels at the finest level (authors' code)")
    multipliers: tuple[int, ...] = Field(
        (1, 2, 4, 8, 16), description="channels of each level, in widths (authors' code)"
    )
    blocks_down: tuple[int, ...] = Field(
        (2, 2, 2, 2, 4), description="residual blocks of each level, down (authors' code)"
    )
    blocks_up: tuple[int, ...] = Field(
        (1, 1, 1, 1), description="residual blocks of each level but the last, up (authors' code)"
    )
    fourier_features: int = Field(64, ge=4, description="frequencies of the noise-level embedding (authors' code)")
    fourier_scale: float = Field(2.0, gt=0, description="standard deviation of the frequencies (authors' code)")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of activations dropped in training (authors' code)")
    sigma_min: float = Field(0.06, gt=0, description="lowest noise level, on the [-1, 1] image scale (paper)")
    sigma_max: float = Field(545.0, gt=0, description="highest noise level, on the [-1, 1] image scale (paper)")
    iterations: int = Field(1_500_000, ge=1, description="training steps (paper)")
    batch_size: int = Field(8, ge=1, description="images or crops a step, at first (authors' code)")
    double_batch_at: float = Field(0.5, ge=0, le=1, description="share of training after which batches double (paper)")
    crop_size: int | None = Field(
        None, ge=16, description="edge of the random training crops in voxels; none: whole images (paper)"
    )
    learning_rate: float = Field(2e-4, gt=0, description="of Adam (authors' code)")
    decay_learning_rate: bool = Field(False, description="cosine decay to a tenth over training (paper: none)")
    warm_up: int = Field(1000, ge=0, description="steps over which the learning rate rises from 0 (authors' code)")
    gradient_clip: float = Field(1.0, gt=0, description="largest norm of the gradient (authors' code)")
    average_decay: float = Field(
        0.9999, ge=0, lt=1, description="of the exponential moving average of weights (authors' code)"
    )
    augmentation: Augmentation = Field("authors-code", description="of training images (authors' code)")
    bfloat16: bool = Field(True, description="compute in bfloat16 where the device has it (ours)")

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        levels = len(self.multipliers)
        if len(self.blocks_down) != levels or len(self.blocks_up) != levels - 1:
            raise ValueError(
                f"blocks_down takes {levels} numbers and blocks_up {levels - 1}: one a level of multipliers"
            )
        if self.sigma_max <= self.sigma_min:
            raise ValueError("sigma_max must be larger than sigma_min")
        if self.crop_size is not None and self.crop_size % 2 ** (levels - 1):
            raise ValueError(f"crop_size must be a multiple of {2 ** (levels - 1)} for {levels} levels")
        return self

    def process(self) -> VarianceExploding:
        """The diffusion between the lowest and the highest noise level."""
        return VarianceExploding(self.sigma_min, self.sigma_max)
