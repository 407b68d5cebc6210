"""Peak memory of a stretch of work: on the GPU where one is used, otherwise the process's resident memory."""

import sys
from contextlib import suppress
from pathlib import Path

import torch

from bench.machine.allocation import hand_back_freed_memory

MEGABYTE = 1_000_000


def reset_peak(device: str) -> None:
    """Forget the peak so far, where the system can (Linux, CUDA)."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return
    hand_back_freed_memory()  # or it would count as in use
    with suppress(OSError):  # not Linux: the peak is then that of the whole process
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)


def peak_mb(device: str) -> float:
    """Megabytes at the highest point since `reset_peak`."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / MEGABYTE
    try:
        status = Path("/proc/self/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024 / MEGABYTE
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / MEGABYTE
