"""Kills at any time, and several commands at once: the board and MLflow end as if nothing had happened.

    python -m pytest -m slow -s tests/robustness/test_kills.py          # BENCH_KILLS=100, or as many as are wanted

Commands are forked from a process that has imported the libraries, so a run of two methods takes five seconds, most of
them for the making of MLflow's database.
"""

import multiprocessing
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from mlflow import MlflowClient

from bench import cli
from bench.results import load_run
from bench.runs.mlflow_store import MlflowStore
from bench.runs.workspace import Workspace
from bench.temporary import NAME, TRAINING
from tests.robustness.conftest import SCANS
from tests.robustness.inputs import copy_input

pytestmark = pytest.mark.slow

METHODS = ("zscore", "random")
RUN = ("run", "--method", "zscore", "--method", "random", "--threads", "1", *SCANS)
EVALUATE = ("evaluate", "maps", "--labels", "labels", "--healthy-maps", "healthy", "--brain-masks", "labels")
KILLS = int(os.environ.get("BENCH_KILLS", "100"))
SEED = 11
BEGINNINGS = (".new.", TRAINING)  # of names besides those of `bench.temporary`


def begin(folder: Path, arguments: Sequence[str] = RUN) -> ForkServerProcess:
    """Start a command in a folder that holds its input."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlflow", "monai.networks", "monai.transforms", "numba", "pandas", "torch"])
    command = context.Process(target=work, args=(folder, arguments))
    command.start()
    return command


def work(folder: Path, arguments: Sequence[str]) -> None:
    """The command, in a process of its own."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(folder)
    sys.argv = ["bench", *arguments, "--protocol", "paper-fpr5", "--workspace", "ws"]
    cli.main()


def ended(command: ForkServerProcess) -> int | None:
    """Its exit code."""
    command.join()
    return command.exitcode


def board(folder: Path) -> list[tuple[str, ...]]:
    """What the tables say, but for times."""
    runs = [load_run(path) for path in Workspace(folder / "ws").run_files()]
    return sorted(
        (run.method, run.status, f"{run.n}/{run.of}", run.dataset_fingerprint, str(run.metrics), str(run.failed_cases))
        for run in runs
    )


def tracked(folder: Path) -> Counter[tuple[str, str]]:
    """How often MLflow holds each run, with its status."""
    client = MlflowClient(tracking_uri=MlflowStore.of(Workspace(folder / "ws")).uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return Counter((run.data.tags["method"], run.info.status) for run in client.search_runs(ids))


def strays(folder: Path) -> list[str]:
    """Temporary files, and marks of runs that MLflow lacks."""

    def is_temporary(name: str) -> bool:
        return name.startswith(BEGINNINGS) or NAME.fullmatch(name) is not None

    workspace = folder / "ws"
    found = [path for path in workspace.rglob("*") if is_temporary(path.name) or path.name == "untracked.txt"]
    return [str(path.relative_to(workspace)) for path in found]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def undisturbed(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[str, ...]], float]:
    """The board of a command that nobody disturbs, and the seconds that one takes once the libraries are there."""
    for _ in range(2):
        folder = tmp_path_factory.mktemp("undisturbed")
        shutil.copytree(originals / "B", folder, dirs_exist_ok=True)
        start = time.monotonic()
        assert ended(begin(folder)) == 0, (folder / "log.txt").read_text()
        seconds = time.monotonic() - start
    assert tracked(folder) == {(method, "FINISHED"): 1 for method in METHODS}
    return board(folder), seconds


def complaint(folder: Path, expected: list[tuple[str, ...]]) -> list[str]:
    """What differs from an undisturbed command."""
    found = [] if board(folder) == expected else [f"board {board(folder)}"]
    runs = tracked(folder)
    if runs != {(method, "FINISHED"): 1 for method in METHODS}:
        found.append(f"MLflow {dict(runs)}")
    log = (folder / "log.txt").read_text()
    if "Traceback" in log or "unexpectedly" in log or "MLflow at" in log:
        found.append(log[-3000:])
    return found


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
        command = begin(folder)
        time.sleep(after)
        command.kill()
        reached[state(folder, ended(command))] += 1
        code = ended(begin(folder))
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


@pytest.mark.parametrize("count", [2, 10])
def test_commands_at_once(count, originals, undisturbed, tmp_path) -> None:
    shutil.copytree(originals / "B", tmp_path, dirs_exist_ok=True)
    commands = [begin(tmp_path) for _ in range(count)]
    assert [ended(command) for command in commands] == [0] * count, (tmp_path / "log.txt").read_text()
    assert complaint(tmp_path, undisturbed[0]) == []
    assert strays(tmp_path) == []


def test_evaluations_at_once(originals, tmp_path) -> None:
    copy_input(originals, "evaluate", tmp_path)
    for kind, what in (("maps", "anomaly"), ("labels", "desc-brain_mask")):
        target = tmp_path / kind.replace("maps", "healthy") / f"sub-4_{what}.nii.gz"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / kind / f"sub-1_{what}.nii.gz", target)
    commands = [begin(tmp_path, EVALUATE) for _ in range(10)]
    assert [ended(command) for command in commands] == [0] * 10, (tmp_path / "log.txt").read_text()
    assert [row[:3] for row in board(tmp_path)] == [("maps", "finished", "3/3")]
    assert tracked(tmp_path) == {("maps", "FINISHED"): 1}
    assert strays(tmp_path) == []
