"""Batches of a training, drawn ahead of a GPU by a thread of its own, or on a CPU when they are asked for."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

Examples = tuple[Tensor, ...]
"""A batch: tensors that all have its examples along their first axis."""

Draw = Callable[[int, torch.Generator], Examples]
"""Draws the batch of a step, counted from 0, with the generator as its source of random numbers."""

AHEAD = 2  # batches


class Batches:
    """The batches of a training, in order, from a step on.

    On a GPU a thread draws them two steps ahead, on a stream of its own, so that reading, cropping and augmenting cost
    the training no time. The batches are the same as without.
    """

    def __init__(self, draw: Draw, generator: torch.Generator, device: str, step: int, steps: int) -> None:
        self.draw, self.generator, self.device = draw, generator, device
        self.state_at_last = generator.get_state()
        self.next_step, self.steps = step, steps
        self.thread = ThreadPoolExecutor(1, "batches") if device.startswith("cuda") else None
        self.stream = torch.cuda.Stream(device) if self.thread else None  # type: ignore[no-untyped-call]
        self.waiting: deque[Future[tuple[Examples, Tensor]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.thread:
            self.thread.shutdown(cancel_futures=True)

    def generator_state(self) -> Tensor:
        """What a checkpoint has to keep of the generator: its state after the last batch that was taken."""
        return self.state_at_last if self.thread else self.generator.get_state()

    def take(self) -> Examples:
        """The next batch."""
        if self.thread is None:
            self.next_step += 1
            return self.draw(self.next_step - 1, self.generator)
        while len(self.waiting) <= AHEAD and self.next_step < self.steps:
            self.waiting.append(self.thread.submit(self._drawn_on_stream, self.next_step))
            self.next_step += 1
        examples, self.state_at_last = self.waiting.popleft().result()
        for tensor in examples:
            if tensor.is_cuda:  # its memory is not given to the next batch before the training is done with it
                tensor.record_stream(torch.cuda.current_stream(tensor.device))
        return examples

    def _drawn_on_stream(self, step: int) -> tuple[Examples, Tensor]:
        assert self.stream is not None
        with torch.cuda.stream(self.stream):
            examples = self.draw(step, self.generator)
        self.stream.synchronize()
        return examples, self.generator.get_state()
