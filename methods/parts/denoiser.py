"""A 3D U-Net that takes coarse noise off brain images, trained on healthy ones."""

import itertools
from typing import Self

import torch
import torch.nn.functional as F
from monai.networks.nets import BasicUNet
from pydantic import Field
from torch import Tensor

from bench.component import Component, ComponentConfig
from bench.detector import Cases, FitContext
from bench.seeds import derived_seed
from methods.parts.ahead import Examples, Prepare
from methods.parts.augmentation import Augmentation, augmentation_seed, augmented
from methods.parts.images import ImageBank, brain_box, padded_to_multiple
from methods.parts.precision import computed
from methods.parts.training import Figures, Training, fused, one_cycle
from methods.parts.training_loop import Trained, run_training

LEVELS = 5  # of MONAI's BasicUNet


class DenoiserConfig(ComponentConfig):
    """Settings of the denoiser and its training. Kascenas et al. 2022 have a 2D network of their own."""

    widths: tuple[int, ...] = Field(
        (64, 128, 256, 512, 512),
        min_length=LEVELS,
        max_length=LEVELS,
        description="channels of each level, each half as fine, multiples of 4 (ours; they have the first four)",
    )
    noise_sd: float = Field(0.4, gt=0, le=5, description="of the noise, on the [-1, 1] scale (ours: as they have)")
    noise_cell_voxels: int = Field(8, ge=1, le=64, description="edge of a cell of the noise (ours: as they have)")
    iterations: int = Field(67_200, ge=1, description="training steps (ours: as they have)")
    batch_size: int = Field(4, ge=1, description="images or crops a step (ours; they have 16 slices)")
    crop_size: int | None = Field(
        None, ge=16, multiple_of=16, description="edge of random training crops in voxels; none: whole brains (ours)"
    )
    learning_rate: float = Field(1e-3, gt=0, description="highest rate of Adam; rises, then falls to zero (ours)")
    augmentation: Augmentation = Field("none", description="of training images (ours: none, as they have)")
    bfloat16: bool = Field(True, description="compute in bfloat16 where the device has it (ours)")


class Denoiser(Component[DenoiserConfig, None]):
    """A trained denoiser of brain images."""

    name = "denoiser"
    multiple_of = 2 ** (LEVELS - 1)

    def __init__(self, config: DenoiserConfig, network: BasicUNet, device: str) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device).eval().requires_grad_(False)
        self.figures: Figures = {}

    @classmethod
    def train(cls, config: DenoiserConfig, context: FitContext, upstream: None) -> Self:
        seed = derived_seed(context.seed, "denoiser")
        found = cls(config, build_network(config, len(context.channels), seed), context.device)
        found.figures, found.speed = found.learn(context, seed)
        return found

    def learn(self, context: FitContext, seed: int) -> Trained:
        """Train in place by mean squared error over the brain; its figure is the error on validation images."""
        config = self.config
        bank = ImageBank.load(context.train, context, "reading training images", context.device)

        def draw(_step: int, generator: torch.Generator) -> Prepare:
            images = bank.drawn(config.batch_size, config.crop_size, generator)
            seed = augmentation_seed(generator) if config.augmentation == "authors-code" else None
            return lambda: (self.padded(images() if seed is None else augmented(images(), seed)),)

        optimizer = torch.optim.Adam(self.network.parameters(), config.learning_rate, fused=fused(context.device))
        training = Training(
            name="the denoiser",
            remedy="lower denoiser.learning_rate or set denoiser.bfloat16=false",
            network=self.network,
            schedule=one_cycle(optimizer, config.learning_rate, config.iterations + 1),
            generator=torch.Generator().manual_seed(seed),
            steps=config.iterations,
            draw=draw,
            complete=lambda examples, generator: self.with_noise(examples[0].to(self.device), generator),
            loss=lambda _network, examples: self.squared_error(examples),
            validate=lambda _network: self.validation_error(context.validation, seed),
            validate_every=max(1, config.iterations // 5),
            note=lambda figures: "".join(f"validation error {error:.4f}" for error in figures.values()),
        )
        return run_training(training, context)

    @torch.no_grad()
    def validation_error(self, validation: Cases, seed: int) -> Figures:
        """Mean squared error over the same noise on the brain boxes of up to 8 validation cases."""
        generator = torch.Generator().manual_seed(seed)
        errors = []
        for case in itertools.islice(validation, 8):
            box = torch.from_numpy(case.image[(slice(None), *brain_box(case, 1))])[None]
            errors.append(self.squared_error(self.with_noise(self.padded(box), generator)))
        return {"validation_mse": float(torch.stack(errors).mean())} if errors else {}

    def with_noise(self, images: Tensor, generator: torch.Generator) -> Examples:
        """The images (B, C, X, Y, Z) with coarse noise in their brains, and as they were."""
        noise = coarse_noise(images, self.config.noise_cell_voxels, generator) * self.config.noise_sd
        return images + noise * brain_of(images), images

    def squared_error(self, examples: Examples) -> Tensor:
        """() mean over the brains of images, which are given with noise and without."""
        noisy, clean = (images.to(self.device) for images in examples)
        brain = brain_of(clean)
        squares = (self.denoised(noisy) - clean).square() * brain
        return (squares.mean(dim=(1, 2, 3, 4)) / brain.float().mean(dim=(1, 2, 3, 4)).clamp(min=0.01)).mean()

    def padded(self, images: Tensor) -> Tensor:
        """Pad (B, C, X, Y, Z) with background to edges that halve evenly at each level."""
        return padded_to_multiple(images, self.multiple_of)

    def denoised(self, images: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> the same, float32; edges are multiples of `multiple_of`."""
        self.network_evaluations += len(images)
        return computed(self.network, images, self.multiple_of, self.device, self.config.bfloat16)

    def state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    @classmethod
    def restore(cls, config: DenoiserConfig, state: dict[str, Tensor], device: str, upstream: None) -> Self:
        network = build_network(config, state["final_conv.weight"].shape[0], seed=0)
        network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
        return cls(config, network, device)


def brain_of(images: Tensor) -> Tensor:
    """(B, 1, X, Y, Z) whether any channel is above background."""
    return (images > -1).any(dim=1, keepdim=True)


def coarse_noise(images: Tensor, cell_voxels: int, generator: torch.Generator) -> Tensor:
    """Noise of unit variance at the corners of a coarse grid, linear in between, moved at random: as images."""
    shape = images.shape[2:]
    coarse = [-(-edge // cell_voxels) for edge in shape]
    noise = torch.randn((*images.shape[:2], *coarse), generator=generator, device=images.device)
    noise = F.interpolate(noise, size=shape, mode="trilinear", align_corners=True)
    shifts = [int(torch.randint(edge, (1,), generator=generator, device=images.device)) for edge in shape]
    return noise.roll(shifts, dims=(2, 3, 4))


def build_network(config: DenoiserConfig, channels: int, seed: int) -> BasicUNet:
    """MONAI's U-Net with seeded initial weights: two convolutions a level, skips at full resolution."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BasicUNet(
            spatial_dims=3,
            in_channels=channels,
            out_channels=channels,
            features=(*config.widths, config.widths[0]),
            act="swish",
            norm=("group", {"num_groups": 4}),
        )
