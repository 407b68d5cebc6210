"""Kills at any time: the board and MLflow end as if nothing had happened.

python -m pytest -m slow -s tests/robustness/test_kills.py          # BENCH_KILLS=100, or as many as are wanted
"""

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.runs.workspace import Workspace
from tests.robustness.commands import begin, board, complaint, ended, strays, tracked
from tests.robustness.conftest import SCANS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_server")]

METHODS = ("zscore", "random")
RUN = ("run", "--method", "zscore", "--method", "random", "--threads", "1", *SCANS)
KILLS = int(os.environ.get("BENCH_KILLS", "100"))
SEED = 11


@pytest.fixture(scope="module")
def undisturbed(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[str, ...]], float]:
    """The board of a command that nobody disturbs, and the seconds that one takes once the libraries are there."""
    for _ in range(2):
        folder = tmp_path_factory.mktemp("undisturbed")
        shutil.copytree(originals / "B", folder, dirs_exist_ok=True)
        start = time.monotonic()
        assert ended(begin(folder, RUN)) == 0, (folder / "log.txt").read_text()
        seconds = time.monotonic() - start
    assert tracked(folder) == {(method, "FINISHED"): 1 for method in METHODS}
    return board(folder), seconds


def test_kills(originals, undisturbed, tmp_path, capsys) -> None:
    """Each time a new workspace, killed once, and the same command again."""
    expected, seconds = undisturbed
    rng = random.Random(SEED)
    found: dict[str, list[str]] = {}
    reached: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for index in range(KILLS):
        folder = tmp_path / f"kill-{index}"
        shutil.copytree(originals / "B", folder)
        after = rng.uniform(0, seconds)
        command = begin(folder, RUN)
        time.sleep(after)
        command.kill()
        reached[state(folder, ended(command))] += 1
        code = ended(begin(folder, RUN))
        name = f"kill {index} after {after:.2f} s"
        complaints = complaint(folder, expected) + ([] if code == 0 else [f"exit code {code}"])
        if complaints:
            found[name] = complaints
        left.update(Path(stray).name.rpartition("-")[2].lstrip("0123456789.") for stray in strays(folder))
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f"\n{KILLS} kills within {seconds:.1f} s, seed {SEED}: {dict(sorted(reached.items()))}")
        print(f"wrong afterwards: {len(found)}; left after the next command: {dict(left)}")
    assert found == {}
    assert not left


def state(folder: Path, code: int | None) -> str:
    """How far a command had come when it was killed."""
    workspace = Workspace(folder / "ws")
    if code == 0:
        return "5 ended"
    if workspace.mlflow_database.exists():
        return "4 logging"
    if workspace.mlflow_database.with_name(".new.mlflow.db").exists():
        return "3 making the database"
    return "2 working" if workspace.path.exists() else "1 starting"
