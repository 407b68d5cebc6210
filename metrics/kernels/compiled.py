# mypy: allow-untyped-defs, allow-untyped-decorators
"""The decorator of all kernels: compiled at first use, kept for the next process, other threads go on meanwhile."""

from numba import njit


def compiled(function):
    """numba's njit; its machine code is kept beside the source, or in the user's cache folder (NUMBA_CACHE_DIR).

    Where neither can be written, as in a read-only container, it is compiled anew by every process.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)
