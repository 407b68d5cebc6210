"""The training loop of every network: on a CPU, a GPU that it keeps busy, or as one of several processes.

Batches are drawn ahead of a GPU (`ahead`), noise is drawn on it, and the loss is read now and then, so that no step
waits for another. Several processes draw the same batch and take a share of it each, so that N devices give what one
gives.
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.component import FitContext
from bench.errors import BenchError
from methods.parts.ahead import Batches
from methods.parts.throughput import Throughput
from methods.parts.training import Figures, Training
from methods.parts.training_state import TrainingState

CHECKPOINT = "checkpoint.safetensors"
CHECKPOINT_EVERY_S = 60.0
LOSS_NOTE_EVERY = 20  # steps; on a GPU the loss is not read in between, since reading it waits


class Trained(NamedTuple):
    """figures: of the validation, and curves over the steps. speed: examples a second, how busy the GPU was."""

    figures: Figures
    speed: Mapping[str, float]


def run_training(training: Training, context: FitContext) -> Trained:
    """Train the network, from the checkpoint if there is one; it ends with its averaged weights.

    Args:
        training: what to do.
        context: of the trained part, which has one training at most: its checkpoint has one name.

    Returns:
        The figures of the last validation, or of the one whose weights are kept; and the speed.

    Raises:
        BenchError: A loss, or a figure in the end, is not finite; or one example is too large for the GPU.
    """
    state = TrainingState(training, context)
    checkpoint = context.checkpoint_folder / CHECKPOINT if context.checkpoint_folder else None
    if checkpoint and checkpoint.exists() and not state.resume(checkpoint):
        context.reporter.say(f"{checkpoint} cannot be used: training {training.name} starts anew.")
    read_every = LOSS_NOTE_EVERY if context.device.startswith("cuda") else 1
    writes = context.together.rank == 0
    throughput = Throughput(context.device)
    saved = time.monotonic()
    with (
        context.progress(f"training {training.name}", training.steps) as tick,
        Batches(training.draw, training.generator, context.device, state.step, training.steps) as batches,
    ):
        tick(state.step)
        while state.step < training.steps:
            throughput.count(state.advance(batches))
            note = ""
            validates = state.step % training.validate_every == 0 or state.step == training.steps
            reads = validates or state.step % read_every == 0
            if reads:
                loss = state.mean_loss()
                if not math.isfinite(loss):
                    raise _diverged(training, state.step, checkpoint)
                state.note_loss(loss)
                if training.show_loss and state.step % LOSS_NOTE_EVERY == 0:
                    note = f"loss {loss:.3f}, {throughput.note()}"
            if validates:
                figures = training.validate(state.averaged)
                state.keep(figures)
                note = training.note(figures)
            if checkpoint and reads and writes and time.monotonic() - saved > CHECKPOINT_EVERY_S:
                state.save(checkpoint, batches.generator_state())
                saved = time.monotonic()
            tick(1, note)
    if not all(map(math.isfinite, state.figures.values())):
        raise _diverged(training, state.step, checkpoint)
    training.network.load_state_dict(state.best or state.averaged.state_dict())
    training.network.eval().requires_grad_(False)
    return Trained(state.figures | state.points, throughput.figures())


def _diverged(training: Training, step: int, checkpoint: Path | None) -> BenchError:
    """The error; the checkpoint goes, as it may hold the weights that led here."""
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return BenchError(f"{training.name[0].upper()}{training.name[1:]} diverged at step {step}: {training.remedy}.")
