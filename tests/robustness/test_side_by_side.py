"""Ten commands at once in one workspace that is not there yet: a complete board, what is learned is trained once.

python -m pytest -m slow -s tests/robustness/test_side_by_side.py
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.results import load_run
from bench.runs.workspace import Workspace
from tests.robustness.inputs import make_scans

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
METHODS = ("zscore", "highpass", "random", "ae --set autoencoder.iterations=5")  # the last one has a part to train
COMMANDS = 10


def test_ten_commands_end_with_a_complete_board(tmp_path: Path) -> None:
    make_scans(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    begun = []
    for number in range(COMMANDS):
        method = METHODS[number % len(METHODS)].split()
        options = ["--dataset", "bids", "--root", "B", "--lesion-set", "plain", "--workspace", "ws", "--threads", "1"]
        with (tmp_path / f"{number}.txt").open("w") as log:
            command = [sys.executable, "-m", "bench", "run", "--method", *method, *options]
            begun.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
    codes = [command.wait(500) for command in begun]
    logs = [(tmp_path / f"{number}.txt").read_text() for number in range(COMMANDS)]
    assert codes == [0] * COMMANDS, "\n".join(log for code, log in zip(codes, logs, strict=True) if code)
    runs = [load_run(path) for path in Workspace(tmp_path / "ws").run_files()]
    assert sorted(run.method for run in runs) == ["ae", "highpass", "random", "zscore"]
    for run in runs:
        assert (run.status, run.n, len({case.id for case in run.cases})) == ("finished", run.of, run.of)
    assert sum("training the autoencoder 5/5" in log for log in logs) == 1
    assert not any("Traceback" in log for log in logs)
