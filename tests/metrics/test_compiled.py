"""Kernels where no machine code can be kept."""

import os
import subprocess
import sys
from pathlib import Path

from metrics.kernels import compiled as module

ROOT = str(Path(__file__).parents[2])


def double(x):
    return 2 * x


def test_without_a_place_for_the_cache_kernels_are_compiled_all_the_same(monkeypatch):
    njit = module.njit

    def njit_without_cache(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(module, "njit", njit_without_cache)
    assert module.compiled(double)(3) == 6


def test_the_cache_goes_where_the_environment_says(tmp_path):
    code = "from metrics.kernels.survival import root; import numpy as np; print(root(np.zeros(1, np.int32), 0))"
    environment = os.environ | {"PYTHONPATH": ROOT, "NUMBA_CACHE_DIR": str(tmp_path)}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert shown.stdout == "0\n" and list(tmp_path.rglob("*.nbi"))
