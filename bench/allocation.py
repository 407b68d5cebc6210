"""Memory that is freed stays with the process, for the next array.

By default the C library hands every large array back to the system and asks for fresh pages the next time, which
the system must clear: on a virtual machine that took a third of the time of a network evaluation.
"""

import ctypes
import sys

# Parameters of glibc's mallopt(3).
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Ask the C library to reuse freed memory. Returns whether it agreed; only glibc (Linux) is asked."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 2**26}
    return all(mallopt(parameter, value) == 1 for parameter, value in settings.items())
