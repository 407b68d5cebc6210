"""Training steps of the score model on this device, against the plain way of doing the same.

    python -m benchmarks.training [--preset paper|gpu|cpu] [--device auto|cpu|cuda] [--steps N] [--json]

Ours is the program's own loop: images that lie on the device, crops, augmentation and noise drawn there, the network
translated by torch.compile, bfloat16 where the device has it. The named peer is the plain way, written from the paper's
description: the eager network in float32, and with float16 autocast on a GPU, on whole 96 x 112 x 80 volumes, noise
drawn on the device, nothing read and nothing augmented. Operations are counted by torch's FlopCounterMode.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.component import Compute, FitContext
from bench.registry import method
from bench.reporting import SilentReporter, Tick
from bench.runs.presets import resolve
from bench.runs.store import Store, machine
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import ScoreNetwork
from methods.diffusion.score_model import build_network
from methods.diffusion.training import score_training
from methods.parts.training_loop import LOSS_NOTE_EVERY, run_training

SHAPE = (96, 112, 80)
CHANNELS = 2
CASES = 8
WARM_UP = 2 * LOSS_NOTE_EVERY  # steps


@dataclass(frozen=True)
class Measured:
    """One way of training. step_s: seconds a step; images: a step; flops: of a step; busy_percent: of the GPU."""

    name: str
    step_s: float
    images: int
    flops: float
    memory_gb: float
    busy_percent: float | None = None

    def figures(self) -> dict[str, float | str | None]:
        """As they are printed."""
        return {
            "way": self.name,
            "step_s": round(self.step_s, 4),
            "images_per_s": round(self.images / self.step_s, 1),
            "tflop_per_s": round(self.flops / self.step_s / 1e12, 1),
            "gpu_busy_percent": self.busy_percent,
            "peak_gb": round(self.memory_gb, 1),
        }


class Clock(SilentReporter):
    """Notes when each step of a training ended."""

    def __init__(self) -> None:
        self.ends_s: list[float] = []

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        def tick(steps: int = 1, note: str = "") -> None:
            if description.startswith("training ") and steps:
                self.ends_s.append(time.perf_counter())

        yield tick

    def say(self, line: str) -> None:
        print(line, flush=True)


def brains() -> list[Case]:
    """Random images of two channels in an ellipsoid of 1.5 litres at 2 mm."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij", sparse=True)
    brain_mask = (x / 0.78) ** 2 + (y / 0.82) ** 2 + (z / 0.80) ** 2 < 1
    rng = np.random.default_rng(0)
    images = (np.where(brain_mask, rng.uniform(-0.9, 0.9, (CHANNELS, *SHAPE)), -1) for _ in range(CASES))
    affine = np.diag([2.0, 2, 2, 1])
    return [
        Case(f"sub-{i}", im.astype(np.float32), brain_mask, None, affine, ("T1w", "T2w")) for i, im in enumerate(images)
    ]


def ours(config: ScoreModelConfig, device: str, steps: int, compute: Compute) -> Measured:
    """The program's loop, without validation."""
    clock = Clock()
    cases = brains()
    context = FitContext(
        train=cases,
        validation=cases[:1],
        channels=("T1w", "T2w"),
        training_fingerprint="",
        seed=0,
        device=device,
        store=Store(Path(), shipped=None),
        reporter=clock,
        compute=compute,
    )
    network = fresh(config)
    config = config.model_copy(update={"iterations": steps, "double_batch_at": 1.0})
    training = score_training(network, config, context)
    images = config.crop_size or 0
    reset_memory(device)
    trained = run_training(replace(training, validate=lambda _network: {}, validate_every=steps), context)
    first = min(WARM_UP, len(clock.ends_s) // 2)
    step_s = (clock.ends_s[-1] - clock.ends_s[first - 1]) / (len(clock.ends_s) - first)
    example = training.draw(0, torch.Generator())()[0][:1]
    name = f"ours, {'crops of ' + str(images) if images else 'boxes of ' + 'x'.join(map(str, example.shape[2:]))}"
    busy = trained.speed.get("gpu_busy_percent")
    flops = config.batch_size * operations(fresh(config).to(device), example.to(device))
    return Measured(name + described(compute), step_s, config.batch_size, flops, memory_gb(device), busy)


def described(compute: Compute) -> str:
    """What is unusual about the way of computing."""
    return ("" if compute.compile else ", eager") + (", recomputing" if compute.recompute_activations else "")


def peer(config: ScoreModelConfig, device: str, number_format: torch.dtype, steps: int) -> Measured:
    """The plain way: eager, whole volumes, noise drawn on the device."""
    network = fresh(config).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    scaler = torch.amp.GradScaler(device, enabled=number_format == torch.float16)
    average = [parameter.detach().clone() for parameter in network.parameters()]
    images = torch.rand((config.batch_size, CHANNELS, *SHAPE), device=device) * 2 - 1

    def step() -> Tensor:
        sigma = config.process().sigma(torch.rand(len(images), device=device))
        noise = torch.randn_like(images)
        with torch.autocast(device.split(":")[0], number_format, enabled=number_format != torch.float32):
            estimate: Tensor = network(images + sigma.view(-1, 1, 1, 1, 1) * noise, sigma)
        loss = (estimate.float() + noise).square().mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip)
        scaler.step(optimizer)
        scaler.update()
        with torch.no_grad():
            for old, new in zip(average, network.parameters(), strict=True):
                old.lerp_(new, 1e-4)
        return loss.detach()

    reset_memory(device)
    step_s = median_s(step, steps, device)
    flops = config.batch_size * operations(network, images[:1])
    name = f"peer, whole volumes, eager {str(number_format).removeprefix('torch.')}"
    return Measured(name, step_s, config.batch_size, flops, memory_gb(device))


def fresh(config: ScoreModelConfig) -> ScoreNetwork:
    """The network with its first weights."""
    return build_network(config, CHANNELS, torch.Generator().manual_seed(0))


def operations(network: ScoreNetwork, example: Tensor) -> float:
    """Floating-point operations of one image, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        network(example, torch.ones(1, device=example.device)).sum().backward()
    return float(counter.get_total_flops())


def median_s(work: Callable[[], Tensor], times: int, device: str) -> float:
    """Median seconds of a call, after two to warm up."""
    taken = []
    for _ in range(2 + times):
        start = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[2:]))


def reset_memory(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory_gb(device: str) -> float:
    """Peak of the GPU's memory since `reset_memory`; 0 on a CPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if device.startswith("cuda") else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=["cpu", "gpu", "paper"], default="gpu")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--eager", action="store_true", help="measure ours without torch.compile, too")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = resolve({"spatial-msma": method("spatial-msma")}, arguments.preset, None, [], [])["spatial-msma"]
    config: ScoreModelConfig = settings.score_model  # type: ignore[attr-defined]
    ways = [ours(config, device, arguments.steps, Compute())]
    if arguments.eager:
        ways.append(ours(config, device, arguments.steps, Compute(compile=False)))
    formats = [torch.float16, torch.float32] if device == "cuda" else [torch.float32]
    ways += [peer(config, device, number_format, min(10, arguments.steps)) for number_format in formats]
    rows = [way.figures() | {"times_as_fast": round(ways[-len(formats)].step_s / way.step_s, 2)} for way in ways]
    if arguments.json:
        print(json.dumps({"preset": arguments.preset, "machine": machine(device), "ways": rows}))
        return
    table = Table(title=f"Training step of the score model, preset {arguments.preset}, {machine(device)}")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
