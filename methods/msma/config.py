"""Settings of the patch density."""

from typing import Literal

from pydantic import Field

from bench.component import ComponentConfig
from methods.msma.score_norms import ChannelJoin, norms_per_level


class PatchDensityConfig(ComponentConfig):
    """Settings of the patch density; the defaults are the paper's and its authors' code's."""

    noise_levels: int = Field(20, ge=1, le=200, description="how many noise levels")
    highest_sigma: float = Field(88.06, gt=0, description="highest noise level, on the [-1, 1] image scale")
    lowest_sigma: float = Field(0.0657, gt=0, description="lowest noise level, on the [-1, 1] image scale")
    patch_size: Literal[1, 3, 5, 7] = Field(3, description="edge of a patch in voxels")
    join_channels: ChannelJoin = Field(
        "norm",
        description="norm: L2 over channels; sum: added, as the authors do; separate: a norm a channel; "
        "separate+sum: these, and one of their sum",
    )
    density: Literal["flow", "gaussian"] = Field("flow", description="gaussian: the ablation, one normal a voxel")
    smoothing_voxels: float = Field(1.5, ge=0, le=10, description="Gaussian blur of the local healthy moments")
    one_sided: bool = Field(False, description="only norms above the healthy mean count as anomalous")
    position_features: int = Field(128, ge=6, description="length of the code of the place")
    embedding_features: int = Field(128, ge=0, description="features of the whole image; 0 for none")
    embedding_width: int = Field(128, ge=4, description="channels of the embedding's first convolution")
    attention_width: int = Field(512, ge=8, description="width of the embedding's self-attention")
    image_summary: bool = Field(True, description="median and spread of the image's own norms as context")
    blocks: int = Field(20, ge=1, description="blocks of linear map and coupling spline")
    hidden: int = Field(256, ge=4, description="width of the blocks' networks")
    residual_blocks: int = Field(2, ge=1, description="residual blocks in each of them")
    bins: int = Field(8, ge=2, description="bins of a spline")
    mixture: int = Field(10, ge=1, description="Gaussians of the base distribution")
    dequantisation: float = Field(0.05, ge=0, description="sd of noise added to standardised norms in training")
    steps: int = Field(100_000, ge=1, description="training steps")
    patches_per_step: int = Field(16384, ge=16, description="patches a step")
    images_per_step: int = Field(4, ge=1, description="images that the patches of a step come from")
    learning_rate: float = Field(3e-4, gt=0, description="of AdamW")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW")
    average_decay: float = Field(0.999, ge=0, lt=1, description="of the exponential moving average of weights")

    def norms_per_patch(self, channels: int) -> int:
        """How many norms describe a patch of an image with this many channels."""
        return self.noise_levels * norms_per_level(channels, self.join_channels)
