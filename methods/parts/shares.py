"""Work on many things in shares that fit the memory of the device."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_shares(work: Callable[[slice], Tensor], count: int, at_once: int) -> Tensor:
    """The results of `work` on successive slices of `count` things, joined along the first axis.

    A share has at most `at_once` things, and half as many, again and again, when they do not fit a GPU's memory.

    Raises:
        torch.OutOfMemoryError: One thing alone does not fit.
    """
    results: list[Tensor] = []
    start = 0
    while start < count:
        try:
            results.append(work(slice(start, min(start + at_once, count))))
        except torch.OutOfMemoryError:
            if at_once == 1:
                raise
            at_once = -(-at_once // 2)
            torch.cuda.empty_cache()
        else:
            start += at_once
    return torch.cat(results)
