"""How a training uses its devices: alone, or as one of several processes that train as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Compute:
    """How a training uses its device. Changes its time and memory, not what is learned (but for rounding).

    compile: translate networks for the GPU before training; not on a CPU, where it does not pay.
    largest_batch: images at once; the gradients of a larger batch are added up. None: as many as fit.
    recompute_activations: compute activations twice instead of keeping them: a third slower, in much less memory.
    """

    compile: bool = True
    largest_batch: int | None = None
    recompute_activations: bool = False


@dataclass(frozen=True)
class Together:
    """The processes that train as one, each on its device; this one is alone.

    rank: which of them this is; the one of rank 0 writes and speaks. size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def add_up(self, tensors: "Sequence[torch.Tensor]") -> None:
        """Replace each tensor, in place, by its sum over all processes."""

    def agreed(self, value: bool) -> bool:
        """What the process of rank 0 says; the others wait for it."""
        return value
