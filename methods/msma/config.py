"""Settings of the patch density."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bench.component import ComponentConfig
from methods.msma.features import Features, PatchFeatures
from methods.msma.score_norms import ChannelJoin
from methods.parts.augmentation import Augmentation


def odd(edge: int) -> int:
    """ValueError for a box that is not centred on a voxel."""
    if edge % 2 == 0:
        raise ValueError("an edge is odd, so that its box has a voxel in the middle")
    return edge


OddEdge = Annotated[int, Field(ge=1, le=31), AfterValidator(odd)]


class PatchDensityConfig(ComponentConfig):
    """Settings of the patch density. Each default says whose value it is."""

    added_later: ClassVar[frozenset[str]] = frozenset(
        {"features", "mean_sizes", "noise_draws", "reading", "case_moments", "kinds"}
    )

    noise_levels: int = Field(20, ge=1, le=200, description="how many noise levels (authors' code)")
    highest_sigma: float = Field(
        88.06, gt=0, description="highest noise level, on the [-1, 1] image scale (authors' code: that of t = 0.8)"
    )
    lowest_sigma: float = Field(
        0.0657, gt=0, description="lowest noise level, on the [-1, 1] image scale (authors' code: that of t = 0.01)"
    )
    patch_size: Literal[1, 3, 5, 7] = Field(3, description="edge of a patch in voxels (authors' code)")
    join_channels: ChannelJoin = Field(
        "norm",
        description="norm: L2 over channels (paper); sum: added (authors' code); separate: a norm a channel; "
        "separate+sum: these, and one of their sum",
    )
    features: Features = Field(
        "norm",
        description="of a patch at a noise level: norm of the score over it (paper); mean: signed means of it; or both",
    )
    mean_sizes: tuple[OddEdge, ...] = Field(
        (3,), min_length=1, description="edges in voxels of the boxes of signed means, one a channel and edge (ours)"
    )
    noise_draws: int = Field(
        0,
        ge=0,
        le=100,
        description="0: scores of the image as it is (paper); n: of n images with noise of the level, averaged",
    )
    norms: Literal["raw", "log", "standardised"] = Field(
        "raw",
        description="what the flow sees: the norms (paper), their logarithms, or these set against the healthy mean "
        "and standard deviation of the place; signed means, which have no logarithm, likewise",
    )
    density: Literal["flow", "gaussian"] = Field(
        "flow", description="flow (paper); gaussian: the ablation, one normal a voxel, of standardised norms"
    )
    kinds: Literal["joint", "apart"] = Field(
        "joint",
        description="joint: one flow over all features (paper); apart: one over norms and one over signed means, as if "
        "one kind said nothing of the other: -log p adds up (the Gaussian takes all features apart)",
    )
    reading: Literal["likelihood", "standardised", "largest"] = Field(
        "likelihood",
        description="the map: -log p of the features (paper); of the standardised ones, so that places of little "
        "healthy variation count like any other; or, of the Gaussian, the largest square of a standardised one",
    )
    smoothing_voxels: float = Field(
        1.5, ge=0, le=10, description="sigma of the blur of the local healthy moments, of standardised norms (ours)"
    )
    case_moments: bool = Field(
        False,
        description="standardised features are set against the median and spread of the image's own voxels as deep "
        "below the brain's surface: another scanner or brain extraction is then no anomaly (paper: no)",
    )
    one_sided: bool = Field(
        False,
        description="only standardised norms above the healthy mean count as anomalous; of signed means both sides "
        "do (paper: both sides)",
    )
    position_features: int = Field(128, ge=6, description="length of the code of the place (authors' code)")
    embedding_features: int = Field(128, ge=0, description="features of the whole image; 0 for none (authors' code)")
    attention_width: int = Field(512, ge=8, multiple_of=8, description="of the embedding's tokens (authors' code)")
    image_summary: bool = Field(
        False, description="median and spread of the image's own norms as context (paper: none)"
    )
    blocks: int = Field(20, ge=1, description="blocks of linear map and coupling spline (authors' code)")
    hidden: int = Field(256, ge=4, description="width of the blocks' networks (authors' code)")
    residual_blocks: int = Field(2, ge=1, description="residual blocks in each of them (authors' code)")
    bins: int = Field(8, ge=2, description="bins of a spline (authors' code)")
    mixture: int = Field(10, ge=1, description="Gaussians of the base distribution (authors' code)")
    conditional_base: bool = Field(
        True, description="the Gaussians depend on place and image (paper; in the authors' code they do not)"
    )
    augmentation: Augmentation = Field(
        "authors-code",
        description="of training images; norms are then computed at each step instead of once (authors' code)",
    )
    dequantisation: float = Field(
        0.0, ge=0, description="sd of noise added to the norms that the flow is trained on (authors' code: none)"
    )
    steps: int = Field(150_000, ge=1, description="training steps (authors' code)")
    patches_per_step: int = Field(
        32768, ge=16, description="patches a step, of all its images (authors' code: 16384 of each of 2)"
    )
    images_per_step: int = Field(2, ge=1, description="images that the patches of a step come from (authors' code)")
    learning_rate: float = Field(3e-4, gt=0, description="of AdamW; the highest of a cycle (authors' code)")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant",
        description="one-cycle: the learning rate rises for a tenth of the steps, then falls (authors' code)",
    )
    gradient_clip: float | None = Field(None, gt=0, description="largest norm of the gradient (authors' code: none)")
    weight_decay: float = Field(1e-5, ge=0, description="of AdamW (authors' code)")
    average_half_life: float = Field(
        50_000,
        gt=0,
        description="of the moving average of weights, in images: this, or a hundredth of those seen if that is less "
        "(authors' code)",
    )
    average_decay: float | None = Field(
        None, ge=0, lt=1, description="of the moving average instead, from the second step on (authors' code: none)"
    )

    @model_validator(mode="after")
    def _healthy_moments_are_there(self) -> Self:
        asked = {
            "density: gaussian": self.density == "gaussian",
            "one_sided": self.one_sided,
            "case_moments": self.case_moments,
            f"reading: {self.reading}": self.reading != "likelihood",
        }
        for setting in (name for name, wanted in asked.items() if wanted):
            if self.norms != "standardised":
                raise ValueError(f"{setting} counts from the healthy mean of the place: it takes norms: standardised")
        if self.reading == "largest" and self.density == "flow":
            raise ValueError("reading: largest is of features one by one: it takes density: gaussian")
        if self.case_moments and self.reading == "likelihood":
            raise ValueError("case_moments leave no likelihood of the features themselves: set reading: standardised")
        return self

    @property
    def patch_features(self) -> PatchFeatures:
        """The features of a patch at one noise level."""
        patch_size = None if self.features == "mean" else self.patch_size
        return PatchFeatures(patch_size, self.join_channels, () if self.features == "norm" else self.mean_sizes)

    def are_norms(self, channels: int) -> list[bool]:
        """For each feature of a patch of an image with this many channels, whether it is a norm."""
        return self.noise_levels * self.patch_features.are_norms(channels)
