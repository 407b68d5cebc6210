"""What a training minimises and by what: data that `training_loop` runs and `training_state` changes underway."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from methods.parts.ahead import Draw, Examples

Figures = dict[str, float]


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
    call: nn.Module | None = None
    divisible: bool = True


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
