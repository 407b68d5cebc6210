"""Peak memory; freed memory is kept, not handed back and asked for again."""

import subprocess
import sys

import numpy as np
import pytest

from bench.machine.memory import keep_freed_memory, peak_mb, reset_peak


def test_peak_rises_by_what_is_allocated():
    reset_peak("cpu")
    before = peak_mb("cpu")
    block = np.ones(50_000_000)
    assert 300 < peak_mb("cpu") - before < 600  # 400 MB
    assert block[-1] == 1


KEPT = """
import torch
from bench.machine.memory import keep_freed_memory, peak_mb, reset_peak
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


CHURN = """
import resource, sys
import torch
from bench.machine.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.ones(8_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for size in (7_000_000, 6_000_000, 5_000_000, 4_000_000):
    torch.ones(size)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fresh_pages(how: str) -> int:
    """Pages the system gave to a new process for arrays that each fit into one it has dropped."""
    run = subprocess.run([sys.executable, "-c", CHURN, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked")
def test_an_array_takes_the_pages_of_one_that_was_dropped():
    assert fresh_pages("keep") < fresh_pages("default") / 2


def test_elsewhere_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
