"""Work on several cases at the same time, in threads: each holds one case, and Ctrl-C leaves none behind.

Threads suffice: the compiled loops of metrics/, sorting and decompression, most of an evaluation, release the
interpreter. There is nothing to send between processes, and nothing to start.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.cores import available_cores


@contextmanager
def case_pool(workers: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, as many as there are cores if not given; what has not begun at the end is dropped."""
    pool = ThreadPoolExecutor(workers or available_cores(), thread_name_prefix="evaluate")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
