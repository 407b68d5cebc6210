"""The training loop of every network: on a CPU, a GPU that it keeps busy, or as one of several processes.

Batches are drawn ahead of a GPU (`ahead`), noise is drawn on it, and the loss is read now and then, so that no step
waits for another. Several processes draw the same batch and take a share of it each, so that N devices give what one
gives. What changes underway is in `TrainingState`.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from bench.component import FitContext
from bench.errors import BenchError
from methods.parts.ahead import Batches, Draw, Examples
from methods.parts.throughput import Throughput
from methods.parts.training_state import Figures, TrainingState

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_EVERY_S = 60.0
LOSS_NOTE_EVERY = 20  # steps; on a GPU the loss is not read in between, since reading it waits


class Trained(NamedTuple):
    """figures: of the validation, and the curve, if it is kept. speed: examples a second, how busy the GPU was."""

    figures: Figures
    speed: Mapping[str, float]


def as_drawn(examples: Examples, _generator: torch.Generator) -> Examples:
    """Examples that are complete when they are drawn."""
    return examples


@dataclass(frozen=True)
class Training:
    """What is minimised, by what, and how it is watched.

    Attributes:
        name: in the progress bar and in errors, such as "the flow".
        remedy: what helps when it diverges, such as "lower patches.learning_rate".
        network: trained in place.
        schedule: of the learning rate; its optimizer holds the network's parameters.
        generator: source of all random numbers of `draw`.
        steps: of the optimizer.
        draw: the batch of a step, given the steps done so far and the generator: examples along the first axis.
        complete: adds what is drawn on the device, such as noise, given a generator there.
        loss: the mean over a batch, or any share of it, given the network as it is to be called.
        validate: figures of the averaged network, or of the network itself when there is no average.
        note: these figures in words, for the progress bar.
        validate_every: steps from one validation to the next; the last step has one, too.
        gradient_clip: largest norm of the gradient; None for no limit.
        average_decay: share of the average of weights that stays, given the steps done; None for no average.
        keep_lowest: name of a figure; the network ends with the weights that had it lowest, not with the last ones.
        show_loss: show the loss between validations, too.
        keep_curve: add the mean figure of each tenth of the training to the figures, to see whether it has flattened.
        call: the network as `loss` calls it, such as one translated for the GPU; None for the network itself.
        divisible: whether the loss of a batch is the mean of the losses of its examples; batch norm, say, is not.
    """

    name: str
    remedy: str
    network: nn.Module
    schedule: LRScheduler
    generator: torch.Generator
    steps: int
    draw: Draw
    loss: Callable[[nn.Module, Examples], Tensor]
    validate: Callable[[nn.Module], Figures]
    note: Callable[[Figures], str]
    validate_every: int
    complete: Callable[[Examples, torch.Generator], Examples] = as_drawn
    gradient_clip: float | None = 1.0
    average_decay: Callable[[int], float] | None = None
    keep_lowest: str | None = None
    show_loss: bool = False
    keep_curve: bool = False
    call: nn.Module | None = None
    divisible: bool = True

    def run(self, context: FitContext) -> Trained:
        """Train the network, from the checkpoint if there is one; it ends with its averaged weights.

        Args:
            context: of the trained part, which has one training at most: its checkpoint has one name.

        Returns:
            The figures of the last validation, or of the one whose weights are kept; and the speed.

        Raises:
            BenchError: A loss, or a figure in the end, is not finite; or one example is too large for the GPU.
        """
        state = TrainingState(self, context)
        checkpoint = context.checkpoint_folder / CHECKPOINT if context.checkpoint_folder else None
        if checkpoint and checkpoint.exists() and not state.resume(checkpoint):
            context.reporter.say(f"{checkpoint} cannot be used: training {self.name} starts anew.")
        read_every = LOSS_NOTE_EVERY if context.device.startswith("cuda") else 1
        writes = context.together.rank == 0
        throughput = Throughput(context.device)
        saved = time.monotonic()
        with (
            context.progress(f"training {self.name}", self.steps) as tick,
            Batches(self.draw, self.generator, context.device, state.step, self.steps) as batches,
        ):
            tick(state.step)
            while state.step < self.steps:
                throughput.count(state.advance(batches))
                note = ""
                validates = state.step % self.validate_every == 0 or state.step == self.steps
                reads = validates or state.step % read_every == 0
                if reads:
                    loss = state.mean_loss()
                    if not math.isfinite(loss):
                        raise self._diverged(state.step, checkpoint)
                    if self.show_loss and state.step % LOSS_NOTE_EVERY == 0:
                        note = f"loss {loss:.3f}, {throughput.note()}"
                if validates:
                    figures = self.validate(state.averaged)
                    state.keep(figures)
                    note = self.note(figures)
                if checkpoint and reads and writes and time.monotonic() - saved > CHECKPOINT_EVERY_S:
                    state.save(checkpoint, batches.generator_state())
                    saved = time.monotonic()
                tick(1, note)
        if not all(map(math.isfinite, state.figures.values())):
            raise self._diverged(state.step, checkpoint)
        self.network.load_state_dict(state.best or state.averaged.state_dict())
        self.network.eval().requires_grad_(False)
        return Trained(state.figures | state.curve, throughput.figures())

    def _diverged(self, step: int, checkpoint: Path | None) -> BenchError:
        """The error; the checkpoint goes, as it may hold the weights that led here."""
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        return BenchError(f"{self.name[0].upper()}{self.name[1:]} diverged at step {step}: {self.remedy}.")


def tenth_or_5000(steps: int) -> int:
    """Steps between validations: ten over a short training, and often enough to see a long one's loss flatten."""
    return max(1, min(steps // 10, 5000))


def one_cycle(optimizer: Optimizer, highest_rate: float, steps: int) -> LRScheduler:
    """A learning rate that rises over the first tenth of the steps and then falls to almost zero."""
    rise = 0.1 if steps != 10 else 0.2  # torch divides by the length of the rise less one step
    return OneCycleLR(optimizer, highest_rate, steps, pct_start=rise)


def fused(device: str) -> bool | None:
    """Whether the optimizer updates all weights in one go: on a GPU. Elsewhere torch decides."""
    return True if device.startswith("cuda") else None
