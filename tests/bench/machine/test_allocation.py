"""Freed memory is kept, not handed back and asked for again."""

import subprocess
import sys

import pytest

CHURN = """
import resource, sys
import torch
from bench.machine.allocation import keep_freed_memory
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
    from bench.machine import allocation

    monkeypatch.setattr(sys, "platform", "darwin")
    assert allocation.keep_freed_memory() is False
