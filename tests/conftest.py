"""What tests of several rooms share."""

from collections.abc import Callable

import pytest

from bench.results import RunResult
from tests import made_runs

MakeRun = Callable[..., RunResult]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """make_run("zscore", tpr=[0.5, 1.0]): a run with one case for each value."""
    return made_runs.make_run
