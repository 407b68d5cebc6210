"""How many threads torch should use here, found by timing: two threads beside a busy neighbour can be slower
than one by far."""

import os
import time

from bench.cores import available_cores


def choose_threads() -> int:
    """Set torch's thread count to the faster of one and all cores on a small 3D convolution, and return it.

    OMP_NUM_THREADS, when set, is left to decide. Takes about 0.2 s.
    """
    import torch

    cores = available_cores()
    if "OMP_NUM_THREADS" in os.environ or cores == 1:
        return torch.get_num_threads()
    times = {}
    for threads in (1, cores):
        torch.set_num_threads(threads)
        times[threads] = _convolution_s()
    best = min(times, key=lambda threads: times[threads])
    torch.set_num_threads(best)
    return best


def most_at_once() -> int:
    """The most threads that may be asked for: many more than there are cores only take memory, until none start."""
    return max(64, 4 * available_cores())


def _convolution_s(repeats: int = 12) -> float:
    """Seconds for a few convolutions of a 16-channel 32^3 volume; their sum, since stalls are what hurts."""
    import torch

    volume = torch.ones(1, 16, 32, 32, 32)
    kernel = torch.ones(16, 16, 3, 3, 3)
    with torch.inference_mode():
        torch.nn.functional.conv3d(volume, kernel, padding=1)
        start = time.perf_counter()
        for _ in range(repeats):
            torch.nn.functional.conv3d(volume, kernel, padding=1)
        return time.perf_counter() - start
