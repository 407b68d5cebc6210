"""What tests of several rooms share."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.results import RunResult
from datasets.case import FloatArray
from tests import made_runs

MakeRun = Callable[..., RunResult]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """make_run("zscore", tpr=[0.5, 1.0]): a run with one case for each value."""
    return made_runs.make_run


@pytest.fixture
def inside() -> FloatArray:
    """A box of ones in a volume of zeros."""
    mask = np.zeros((12, 10, 8), np.float32)
    mask[2:10, 2:8, 1:7] = 1
    return mask
