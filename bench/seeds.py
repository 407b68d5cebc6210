"""Randomness from one seed: every part of a run gets its own stream, named by words."""

import hashlib

import numpy as np


def derived_seed(seed: int, *words: str) -> int:
    """A 63-bit seed for one named purpose, such as `derived_seed(0, "restoration", case.id)`."""
    digest = hashlib.sha256("\x1f".join([str(seed), *words]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_generator(seed: int, *words: str) -> np.random.Generator:
    """A numpy generator for one named purpose."""
    return np.random.default_rng(derived_seed(seed, *words))
