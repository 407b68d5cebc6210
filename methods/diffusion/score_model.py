"""The score model as a component: settings, training from healthy cases, scores of images."""

from typing import Self

import torch
from torch import Tensor

from bench.component import Component, FitContext
from bench.seeds import derived_seed
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import ScoreNetwork
from methods.diffusion.training import train_network
from methods.parts.precision import arithmetic


class ScoreModel(Component[ScoreModelConfig, None]):
    """A trained score network. Source: paper section 5.2 (training details)."""

    name = "score-model"

    def __init__(
        self,
        config: ScoreModelConfig,
        network: ScoreNetwork,
        device: str,
        figures: dict[str, float] | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device=device, memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]
        self.network.requires_grad_(False)
        self.process = config.process()
        self.multiple_of = network.multiple_of
        self.figures = figures or {}

    @classmethod
    def train(cls, config: ScoreModelConfig, context: FitContext, upstream: None) -> Self:
        generator = torch.Generator().manual_seed(derived_seed(context.seed, "score-model", "weights"))
        network = build_network(config, len(context.channels), generator)
        trained = train_network(network, config, context)
        found = cls(config, network, context.device, trained.figures)
        found.speed = trained.speed
        return found

    def state(self) -> dict[str, Tensor]:
        return dict(self.network.state_dict())

    @classmethod
    def restore(cls, config: ScoreModelConfig, state: dict[str, Tensor], device: str, upstream: None) -> Self:
        channels = state["first.weight"].shape[1]
        network = build_network(config, channels, torch.Generator())
        network.load_state_dict({name: value.float() for name, value in state.items()})
        return cls(config, network, device)

    def noise_direction(self, image: Tensor, sigma: Tensor) -> Tensor:
        """sigma times the score, float32: (B, C, X, Y, Z), (B,) -> (B, C, X, Y, Z).

        The score points from noise to image, so this estimates minus the unit noise in the image. Differentiable
        with respect to the image.
        """
        self.network_evaluations += image.shape[0]
        with arithmetic(self.device, self.config.bfloat16):
            out: Tensor = self.network(image.contiguous(memory_format=torch.channels_last_3d), sigma)
        return out.float()


def build_network(config: ScoreModelConfig, channels: int, generator: torch.Generator) -> ScoreNetwork:
    """A network with seeded initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.initial_seed()))
        return ScoreNetwork(
            channels,
            tuple(config.width * m for m in config.multipliers),
            config.blocks_down,
            config.blocks_up,
            config.fourier_features,
            config.fourier_scale,
            config.dropout,
            generator,
        )
