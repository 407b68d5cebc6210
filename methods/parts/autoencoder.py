"""A 3D residual autoencoder of brain images, trained on healthy ones."""

import itertools
from typing import Self

import torch
from monai.networks.nets import AutoEncoder
from pydantic import Field
from torch import Tensor, nn

from bench.component import Component, ComponentConfig
from bench.detector import Cases, FitContext
from bench.seeds import derived_seed
from methods.parts.ahead import Prepare
from methods.parts.augmentation import Augmentation, augmentation_seed, augmented
from methods.parts.images import ImageBank, brain_box, padded_to_multiple
from methods.parts.precision import computed
from methods.parts.training import Figures, Training, fused, one_cycle
from methods.parts.training_loop import Trained, run_training


class AutoencoderConfig(ComponentConfig):
    """Settings of the autoencoder and its training. Each default says whose value it is."""

    channels: tuple[int, ...] = Field(
        (32, 64, 128, 256, 64),
        min_length=1,
        description="of each level, each half as fine; the last: bottleneck (ours)",
    )
    last_channels: int = Field(16, ge=1, description="at full resolution, before the image (ours)")
    residual_convolutions: int = Field(
        2, ge=1, le=6, description="convolutions in a residual block of the encoder (ours)"
    )
    iterations: int = Field(100_000, ge=1, description="training steps (ours)")
    batch_size: int = Field(4, ge=1, description="images or crops a step (ours)")
    crop_size: int | None = Field(
        None, ge=8, description="edge of random training crops in voxels; none: whole brains (paper)"
    )
    learning_rate: float = Field(1e-3, gt=0, description="highest rate of Adam; rises, then falls to zero (ours)")
    augmentation: Augmentation = Field(
        "authors-code", description="of training images, as for the score model (authors' code)"
    )
    bfloat16: bool = Field(True, description="compute in bfloat16 where the device has it (ours)")


class Autoencoder(Component[AutoencoderConfig, None]):
    """A trained autoencoder of brain images."""

    name = "autoencoder"

    def __init__(
        self, config: AutoencoderConfig, network: nn.Sequential, device: str, figures: dict[str, float] | None = None
    ) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device).eval().requires_grad_(False)
        self.multiple_of = 2 ** len(config.channels)
        self.figures = figures or {}

    @classmethod
    def train(cls, config: AutoencoderConfig, context: FitContext, upstream: None) -> Self:
        seed = derived_seed(context.seed, "autoencoder")
        network = build_network(config, len(context.channels), seed)
        found = cls(config, network, context.device)
        found.figures, found.speed = found.learn(context, seed)
        return found

    def learn(self, context: FitContext, seed: int) -> Trained:
        """Train in place by mean squared error; its figure is the error on validation images."""
        config = self.config
        bank = ImageBank.load(context.train, context, "reading training images", context.device)

        def draw(_step: int, generator: torch.Generator) -> Prepare:
            images = bank.drawn(config.batch_size, config.crop_size, generator)
            seed = augmentation_seed(generator) if config.augmentation == "authors-code" else None
            return lambda: (self.padded(images()) if seed is None else augmented(self.padded(images()), seed),)

        optimizer = torch.optim.Adam(self.network.parameters(), config.learning_rate, fused=fused(context.device))
        steps = config.iterations
        training = Training(
            name="the autoencoder",
            remedy="lower autoencoder.learning_rate or set autoencoder.bfloat16=false",
            network=self.network,
            schedule=one_cycle(optimizer, config.learning_rate, steps + 1),
            generator=torch.Generator().manual_seed(seed),
            steps=steps,
            draw=draw,
            loss=lambda _network, examples: self.squared_error(examples[0]),
            divisible=False,  # batch norm
            validate=lambda _network: self.validation_error(context.validation),
            validate_every=max(1, steps // 5),
            note=lambda figures: "".join(f"validation error {error:.4f}" for error in figures.values()),
        )
        return run_training(training, context)

    @torch.no_grad()
    def validation_error(self, validation: Cases) -> Figures:
        """Mean squared error over whole brain boxes of validation cases; leaves the network training."""
        self.network.eval()
        boxes = (case.image[(slice(None), *brain_box(case, 1))] for case in itertools.islice(validation, 8))
        errors = [self.squared_error(self.padded(torch.from_numpy(box)[None])) for box in boxes]
        self.network.train()
        return {"validation_mse": float(torch.stack(errors).mean())} if errors else {}

    def squared_error(self, images: Tensor) -> Tensor:
        """() mean over all voxels of (B, C, X, Y, Z), background included."""
        return (self.reconstruct(images) - images.to(self.device)).square().mean()

    def padded(self, images: Tensor) -> Tensor:
        """Pad (B, C, X, Y, Z) with background to edges that halve evenly at each level."""
        return padded_to_multiple(images, self.multiple_of)

    def reconstruct(self, images: Tensor) -> Tensor:
        """(B, C, X, Y, Z) -> the same, float32; edges are multiples of `self.multiple_of`."""
        self.network_evaluations += len(images)
        return computed(self.network, images, self.multiple_of, self.device, self.config.bfloat16)

    def state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    @classmethod
    def restore(cls, config: AutoencoderConfig, state: dict[str, Tensor], device: str, upstream: None) -> Self:
        channels = state["0.encode.encode_0.conv.unit0.conv.weight"].shape[1]
        network = build_network(config, channels, seed=0)
        network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
        return cls(config, network, device)


def build_network(config: AutoencoderConfig, channels: int, seed: int) -> nn.Sequential:
    """MONAI's residual autoencoder with seeded initial weights; every level halves the edges.

    Left to itself its last block works with as many channels as the image, one or two: too few to draw edges with.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        autoencoder = AutoEncoder(
            spatial_dims=3,
            in_channels=channels,
            out_channels=config.last_channels,
            channels=config.channels,
            strides=(2,) * len(config.channels),
            num_res_units=config.residual_convolutions,
            norm="BATCH",
        )
        return nn.Sequential(autoencoder, nn.PReLU(), nn.Conv3d(config.last_channels, channels, 1))
