"""How many cores there are to work on, and work on all of them."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

MOST_AT_ONCE = 16  # cases that are made at the same time: each takes up to half a gigabyte meanwhile
T = TypeVar("T")
R = TypeVar("R")


def available_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_all_cores(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`work` of each item, in order; of the next ones at the same time, in threads, one a core.

    The first is worked on alone, so that what all of them need is loaded once. No more is begun than the next item for
    each core, so who stops early has not had all items worked on. An error is raised in its item's place.
    """
    workers = min(available_cores(), MOST_AT_ONCE)
    remaining = iter(items)
    for item in islice(remaining, None if workers == 1 else 1):
        yield work(item)
    with ThreadPoolExecutor(workers, thread_name_prefix="cores") as pool:
        begun = deque(pool.submit(work, item) for item in islice(remaining, workers))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(remaining, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)
