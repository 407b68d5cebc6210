"""Small trainings, and a reporter that keeps what is said of them and can stop them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.component import FitContext
from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter, Tick
from bench.runs.store import Store
from methods.diffusion.score_model import ScoreModel, build_network
from methods.diffusion.tiny import tiny_score_model
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity
from methods.parts.ahead import Examples, Prepare
from methods.parts.autoencoder import AutoencoderConfig
from methods.parts.denoiser import DenoiserConfig
from methods.parts.training import Training

SCORE_MODEL = tiny_score_model().model_copy(update={"iterations": 12})
FLOW = PatchDensityConfig(
    noise_levels=2,
    highest_sigma=0.3,
    attention_width=8,
    embedding_features=4,
    blocks=1,
    hidden=8,
    mixture=2,
    steps=30,
    patches_per_step=64,
    learning_rate=1e-2,
    average_decay=0.5,
)
PRESET_FLOW = FLOW.model_copy(  # what the presets choose: norms computed once and kept in files, signed means
    update={
        "join_channels": "separate+sum",
        "features": "norm+mean",
        "norms": "standardised",
        "reading": "standardised",
        "one_sided": True,
        "embedding_features": 0,
        "image_summary": True,
        "augmentation": "none",
        "dequantisation": 1.0,
        "schedule": "one-cycle",
        "gradient_clip": 1.0,
    }
)
AUTOENCODER = AutoencoderConfig(
    channels=(4, 8, 4), iterations=12, batch_size=2, crop_size=32, learning_rate=0.02, augmentation="none"
)
DENOISER = DenoiserConfig(widths=(4, 4, 8, 8, 8), iterations=12, batch_size=2, crop_size=16)


class Recording(SilentReporter):
    """Keeps what is said; stops a training after some steps, as a killed process would."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.killed_after = killed_after
        self.said: list[str] = []
        self.steps: list[int] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        def tick(steps: int = 1, note: str = "") -> None:
            if description.startswith("training "):
                self.steps.append(steps)
            if self.killed_after is not None and sum(self.steps) >= self.killed_after:
                raise KeyboardInterrupt

        yield tick


def make_context(folder: Path, reporter: SilentReporter, checkpoints: Path | None = None) -> FitContext:
    data = tiny_dataset()
    return FitContext(
        train=data.train,
        validation=data.validation,
        channels=data.channels,
        training_fingerprint="test",
        seed=0,
        device="cpu",
        store=Store(folder, shipped=None),
        reporter=reporter,
        checkpoint_folder=checkpoints,
    )


def fitted(kind: type[Any], config: Any, folder: Path, reporter: SilentReporter) -> tuple[dict[str, Tensor], Any]:
    """State and figures of a part trained in a store's folder; torch's own random stream starts anywhere."""
    upstream = None
    if kind is PatchDensity:
        upstream = ScoreModel(SCORE_MODEL, build_network(SCORE_MODEL, 2, torch.Generator().manual_seed(0)), "cpu")
    part = make_context(folder, reporter).fitted(kind, config, upstream)
    (card,) = folder.glob("*/card.json")
    return part.state(), json.loads(card.read_text())["figures"]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def toy(steps: int = 20, inputs: int = 3, **changes: Any) -> Training:
    """A line through noise."""
    torch.manual_seed(0)
    network = nn.Linear(inputs, 1)

    def draw(_step: int, generator: torch.Generator) -> Prepare:
        x = torch.randn(8, inputs, generator=generator)
        return lambda: (x,)

    def loss(call: nn.Module, examples: Examples) -> Tensor:
        (x,) = examples
        error: Tensor = call(x) - x.sum(dim=1, keepdim=True)
        return error.square().mean()

    settings: dict[str, Any] = {
        "name": "the toy",
        "remedy": "play slowly",
        "network": network,
        "schedule": torch.optim.lr_scheduler.ConstantLR(torch.optim.Adam(network.parameters(), 0.1), 1.0),
        "generator": torch.Generator().manual_seed(0),
        "steps": steps,
        "draw": draw,
        "loss": loss,
        "validate": lambda averaged: {"bias": averaged.bias.item()},
        "validate_every": steps // 4,
        "note": str,
    } | changes
    return Training(**settings)
