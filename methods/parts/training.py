"""The training loop of every network: a moving average of its weights, validation, checkpoints that resume exactly."""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from bench.component import FitContext
from bench.errors import BenchError
from bench.files import atomic_path

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_EVERY_S = 60.0
LOSS_NOTE_EVERY = 20  # steps
UNUSABLE = (OSError, SafetensorError, KeyError, IndexError, TypeError, ValueError, RuntimeError)

Figures = dict[str, float]


@dataclass(frozen=True)
class Training:
    """What is minimised, by what, and how it is watched. What changes underway is in `TrainingState`.

    Attributes:
        name: in the progress bar and in errors, such as "the flow".
        remedy: what helps when it diverges, such as "lower patches.learning_rate".
        network: trained in place.
        schedule: of the learning rate; its optimizer holds the network's parameters.
        generator: source of all random numbers of `loss`, dropout's excepted.
        steps: of the optimizer.
        loss: of the network on a fresh batch, given the steps done so far and the generator.
        validate: figures of the averaged network, or of the network itself when there is no average.
        note: these figures in words, for the progress bar.
        validate_every: steps from one validation to the next; the last step has one, too.
        gradient_clip: largest norm of the gradient; None for no limit.
        average_decay: share of the average of weights that stays, given the steps done; None for no average.
        keep_lowest: name of a figure; the network ends with the weights that had it lowest, not with the last ones.
        show_loss: show the loss between validations, too.
        keep_curve: add the mean figure of each tenth of the training to the figures, to see whether it has flattened.
    """

    name: str
    remedy: str
    network: nn.Module
    schedule: LRScheduler
    generator: torch.Generator
    steps: int
    loss: Callable[[int, torch.Generator], Tensor]
    validate: Callable[[nn.Module], Figures]
    note: Callable[[Figures], str]
    validate_every: int
    gradient_clip: float | None = 1.0
    average_decay: Callable[[int], float] | None = None
    keep_lowest: str | None = None
    show_loss: bool = False
    keep_curve: bool = False

    def run(self, context: FitContext) -> Figures:
        """Train the network, from the checkpoint if there is one; it ends with its averaged weights.

        Args:
            context: of the trained part, which has one training at most: its checkpoint has one name.

        Returns:
            The figures of the last validation, or of the one whose weights are kept; and the curve, if it is kept.

        Raises:
            BenchError: A loss, or a figure in the end, is not finite.
        """
        state = TrainingState(self)
        checkpoint = context.checkpoint_folder / CHECKPOINT if context.checkpoint_folder else None
        if checkpoint and checkpoint.exists() and not state.resume(checkpoint):
            context.reporter.say(f"{checkpoint} cannot be used: training {self.name} starts anew.")
        saved = time.monotonic()
        with context.progress(f"training {self.name}", self.steps) as tick:
            tick(state.step)
            while state.step < self.steps:
                loss = state.advance()
                if not math.isfinite(loss):
                    raise self._diverged(state.step, checkpoint)
                note = f"loss {loss:.3f}" if self.show_loss and state.step % LOSS_NOTE_EVERY == 0 else ""
                if state.step % self.validate_every == 0 or state.step == self.steps:
                    figures = self.validate(state.averaged)
                    state.keep(figures)
                    note = self.note(figures)
                if checkpoint and time.monotonic() - saved > CHECKPOINT_EVERY_S:
                    state.save(checkpoint)
                    saved = time.monotonic()
                tick(1, note)
        if not all(map(math.isfinite, state.figures.values())):
            raise self._diverged(state.step, checkpoint)
        self.network.load_state_dict(state.best or state.averaged.state_dict())
        self.network.eval().requires_grad_(False)
        return state.figures | state.curve

    def _diverged(self, step: int, checkpoint: Path | None) -> BenchError:
        """The error; the checkpoint goes, as it may hold the weights that led here."""
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        return BenchError(f"{self.name[0].upper()}{self.name[1:]} diverged at step {step}: {self.remedy}.")


class TrainingState:
    """All that changes in a training: the network, its average, optimizer, random streams, step and figures."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.network = training.network.train().requires_grad_(True)
        self.optimizer = training.schedule.optimizer
        averages = training.average_decay is not None
        self.averaged = copy.deepcopy(self.network).requires_grad_(False) if averages else self.network
        self.step = 0
        self.figures: Figures = {training.keep_lowest: math.inf} if training.keep_lowest else {}
        self.curve: Figures = {}
        self.best: dict[str, Tensor] = {}

    def advance(self) -> float:
        """One step of the optimizer; gives the loss before it."""
        training = self.training
        loss = training.loss(self.step, training.generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if training.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), training.gradient_clip)
        self.optimizer.step()
        training.schedule.step()
        self.step += 1
        if training.average_decay is not None:
            update_average(self.averaged, self.network, training.average_decay(self.step))
        return loss.item()

    def keep(self, figures: Figures) -> None:
        """Keep the figures of a validation, and the weights with them where the lowest figure decides."""
        lowest, mean = self.training.keep_lowest, sum(figures.values()) / max(1, len(figures))
        tenths = 10 * self.step // self.training.steps
        if self.training.keep_curve and tenths > len(self.curve) and math.isfinite(mean):
            self.curve[f"mean at step {self.step}"] = mean
        if lowest is None:
            self.figures = figures
        elif figures[lowest] < self.figures[lowest]:
            self.figures = figures
            self.best = {name: value.clone() for name, value in self.averaged.state_dict().items()}

    def save(self, path: Path) -> None:
        """Write a checkpoint, so that a killed training goes on: tensors, and the rest as JSON in the header."""
        tensors, numbers = self._contents()
        with atomic_path(path) as temporary:
            save_file({n: v.contiguous() for n, v in tensors.items()}, temporary, {"numbers": json.dumps(numbers)})

    def resume(self, path: Path) -> bool:
        """Go on from a checkpoint; from the start, and false, when it is damaged or of another version."""
        start = copy.deepcopy(self._contents())
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                self._restore(tensors, json.loads(file.metadata()["numbers"]))
        except UNUSABLE:
            self._restore(*start)
            return False
        return True

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        random = {"batches": self.training.generator.get_state(), "torch": torch.get_rng_state()}
        if next(self.network.parameters()).is_cuda:
            random["cuda"] = torch.cuda.get_rng_state()
        optimizer = self.optimizer.state_dict()
        groups = {
            "network": self.network.state_dict(),
            "averaged": {} if self.averaged is self.network else self.averaged.state_dict(),
            "best": self.best,
            "random": random,
            **{f"optimizer.{index}": moments for index, moments in optimizer["state"].items()},
        }
        numbers = {
            "step": self.step,
            "figures": self.figures,
            "curve": self.curve,
            "optimizer": optimizer["param_groups"],
            "schedule": self.training.schedule.state_dict(),
        }
        return {f"{group}.{n}": value for group, values in groups.items() for n, value in values.items()}, numbers

    def _restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        self.network.load_state_dict(_under("network.", tensors))
        if self.averaged is not self.network:
            self.averaged.load_state_dict(_under("averaged.", tensors))
        self.best = _under("best.", tensors)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            index, moment = name.split(".")
            like = parameters[int(index)]  # moments lie in memory as their parameter does
            value = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": numbers["optimizer"]})
        self.training.schedule.load_state_dict(numbers["schedule"])
        self.training.generator.set_state(tensors["random.batches"])
        torch.set_rng_state(tensors["random.torch"])
        if next(self.network.parameters()).is_cuda:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        self.step, self.figures, self.curve = numbers["step"], numbers["figures"], numbers["curve"]


def tenth_or_5000(steps: int) -> int:
    """Steps between validations: ten over a short training, and often enough to see a long one's loss flatten."""
    return max(1, min(steps // 10, 5000))


def one_cycle(optimizer: Optimizer, highest_rate: float, steps: int) -> LRScheduler:
    """A learning rate that rises over the first tenth of the steps and then falls to almost zero."""
    rise = 0.1 if steps != 10 else 0.2  # torch divides by the length of the rise less one step
    return OneCycleLR(optimizer, highest_rate, steps, pct_start=rise)


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the parameters, in place; buffers are taken as they are."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    for old, new in zip(averaged.buffers(), network.buffers(), strict=True):
        old.copy_(new)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
