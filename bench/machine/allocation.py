"""Memory that is freed stays with the process, for the next array.

By default the C library hands every large array back to the system and asks for fresh pages the next time, which
the system must clear: on a virtual machine that took a third of the time of a network evaluation.
"""

import ctypes
import sys
from typing import Any

# Parameters of glibc's mallopt(3).
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4


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
