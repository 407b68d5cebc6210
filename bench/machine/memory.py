"""Memory: how much a stretch of work took at its peak, and keeping what was freed for the next array.

By default the C library hands every large array back to the system and asks for fresh pages the next time, which
the system must clear: on a virtual machine that took a third of the time of a network evaluation.
"""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # parameters of glibc's mallopt(3)


def reset_peak(device: str) -> None:
    """Forget the peak so far, where the system can (Linux, CUDA)."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    hand_back_freed_memory()  # or it would count as in use
    with suppress(OSError):  # not Linux: the peak is then that of the whole process
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)


def peak_mb(device: str) -> float:
    """Megabytes at the highest point since `reset_peak`: on the GPU where one is used, otherwise resident memory."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated() / MEGABYTE
    try:
        status = Path("/proc/self/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024 / MEGABYTE
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def keep_freed_memory() -> bool:
    """Ask the C library to reuse freed memory. Returns whether it agreed; only glibc (Linux) is asked."""
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return False
    settings = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 2**26}
    return all(mallopt(parameter, value) == 1 for parameter, value in settings.items())


def hand_back_freed_memory() -> None:
    """Give the system what was freed and kept so far; nothing where there is no glibc."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(function: str) -> Any:
    """A function of the C library, None where that is not glibc."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform.startswith("linux") else None
