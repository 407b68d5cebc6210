"""Peak memory."""

import numpy as np

from bench.memory import peak_mb, reset_peak


def test_peak_rises_by_what_is_allocated():
    reset_peak("cpu")
    before = peak_mb("cpu")
    block = np.ones(50_000_000)
    assert 300 < peak_mb("cpu") - before < 600  # 400 MB
    assert block[-1] == 1
