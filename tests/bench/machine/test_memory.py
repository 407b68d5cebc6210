"""Peak memory."""

import subprocess
import sys

import numpy as np
import pytest

from bench.machine.memory import peak_mb, reset_peak


def test_peak_rises_by_what_is_allocated():
    reset_peak("cpu")
    before = peak_mb("cpu")
    block = np.ones(50_000_000)
    assert 300 < peak_mb("cpu") - before < 600  # 400 MB
    assert block[-1] == 1


KEPT = """
import torch
from bench.machine.allocation import keep_freed_memory
from bench.machine.memory import peak_mb, reset_peak
assert keep_freed_memory()
reset_peak("cpu")
before = peak_mb("cpu")
torch.ones(100_000_000)
reset_peak("cpu")
print(peak_mb("cpu") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere no memory is kept")
def test_memory_that_earlier_work_freed_does_not_count():
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 100  # 400 MB were used and freed
