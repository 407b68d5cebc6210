"""Batches of a training, made ahead of a GPU by threads, or on a CPU when they are asked for."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

Examples = tuple[Tensor, ...]
"""A batch: tensors that all have its examples along their first axis."""

Prepare = Callable[[], Examples]
"""Makes a batch of which all that is random is decided, such as one whose images are still to be augmented."""

Draw = Callable[[int, torch.Generator], Prepare]
"""Decides on the batch of a step, counted from 0, with the generator as its source of random numbers."""

THREADS = 4
AHEAD = 2 * THREADS  # batches


class Batches:
    """The batches of a training, in order, from a step on.

    On a GPU threads prepare them some steps ahead, each on a stream of its own, so that reading, cropping and
    augmenting cost the training no time. The batches are the same as without.
    """

    def __init__(self, draw: Draw, generator: torch.Generator, device: str, step: int, steps: int) -> None:
        self.draw, self.generator, self.device = draw, generator, device
        self.next_step, self.steps = step, steps
        self.state_at_last = generator.get_state()
        self.threads = ThreadPoolExecutor(THREADS, "batches") if device.startswith("cuda") else None
        self.waiting: deque[tuple[Future[Examples], Tensor]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.threads:
            self.threads.shutdown(cancel_futures=True)

    def generator_state(self) -> Tensor:
        """What a checkpoint has to keep of the generator: its state after the last batch that was taken."""
        return self.state_at_last if self.threads else self.generator.get_state()

    def take(self) -> Examples:
        """The next batch."""
        if self.threads is None:
            self.next_step += 1
            return self.draw(self.next_step - 1, self.generator)()
        while len(self.waiting) < AHEAD and self.next_step < self.steps:
            prepare = self.draw(self.next_step, self.generator)
            self.waiting.append((self.threads.submit(self._prepared, prepare), self.generator.get_state()))
            self.next_step += 1
        future, self.state_at_last = self.waiting.popleft()
        examples = future.result()
        for tensor in examples:
            if tensor.is_cuda:  # its memory is not given to the next batch before the training is done with it
                tensor.record_stream(torch.cuda.current_stream(tensor.device))
        return examples

    def _prepared(self, prepare: Prepare) -> Examples:
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            examples = prepare()
        stream.synchronize()
        return examples
