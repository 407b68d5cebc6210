"""Commands in processes of their own, and what they leave in a workspace: board, MLflow, strays.

They are forked from a process that has imported the libraries, so a run of two methods takes five seconds, most of them
for the making of MLflow's database.
"""

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from mlflow import MlflowClient

from bench import cli
from bench.results import load_run
from bench.runs.mlflow_store import MlflowStore
from bench.runs.workspace import Workspace
from bench.temporary import NAME, TRAINING

BEGINNINGS = (".new.", TRAINING)  # of names besides those of `bench.temporary`


def begin(folder: Path, arguments: Sequence[str]) -> ForkServerProcess:
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
    """Its exit code; None when it does not end."""
    command.join(600)
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


def complaint(folder: Path, expected: list[tuple[str, ...]]) -> list[str]:
    """What differs from an undisturbed command; MLflow should hold each run of the board once."""
    found = [] if board(folder) == expected else [f"board {board(folder)}"]
    runs = tracked(folder)
    if runs != Counter((row[0], "FINISHED") for row in expected):
        found.append(f"MLflow {dict(runs)}")
    log = (folder / "log.txt").read_text()
    if "Traceback" in log or "unexpectedly" in log or "MLflow at" in log:
        found.append(log[-3000:])
    return found
