"""Workers, machines and the command itself killed in the middle of a run on a cluster: the same table, each case once.

    python -m pytest -m slow -s tests/robustness/test_cluster_kills.py          # BENCH_KILLS=10, or how many are wanted

The method is a plug-in, which workers have to find, too.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bench.results import load_run
from bench.runs.workspace import Workspace
from tests.robustness.inputs import write_nifti

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
]

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("BENCH_KILLS", "10"))
SEED = 3
CASES = 60
SECONDS = "1"  # that scoring a case takes while others are killed
PLUG_IN = """
import os, time
from bench.detector import Detector, MethodConfig, MethodInfo

class Slow(Detector[MethodConfig]):
    info = MethodInfo(name="slow", title="Slow", reference="none")
    def fit(self, context): pass
    def score(self, case):
        time.sleep(float(os.environ.get("SLOW_S", "0")))
        return case.image.sum(axis=0)
"""
RUN = ["run", "--method", "slow", "--dataset", "bids", "--root", "scans", "--lesion-set", "plain"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty subjects to test on and six to learn from, and a plug-in."""
    root = tmp_path_factory.mktemp("cluster")
    rows = ["participant_id\tsplit"]
    for index in range(CASES + 6):
        image = np.zeros((20, 22, 20), np.float32)
        image[3:17, 3:19, 3:17] = np.random.default_rng(index).uniform(100, 1000, (14, 16, 14))
        name = f"sub-{index:02}"
        write_nifti(root / "scans" / name / "anat" / f"{name}_T1w.nii.gz", image, np.diag([2.0, 2, 2, 1]))
        rows.append(f"{name}\t{'train' if index < 4 else 'validation' if index < 6 else 'test'}")
    (root / "scans" / "participants.tsv").write_text("\n".join(rows) + "\n")
    entry = root / "plug-ins" / "slow-1.dist-info" / "entry_points.txt"
    entry.parent.mkdir(parents=True)
    entry.write_text("[bench.methods]\nslow = slow_method\n")
    entry.with_name("METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (root / "plug-ins" / "slow_method.py").write_text(PLUG_IN)
    return root


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW_S", SECONDS)


def begin(place: Path, workspace: str, *more: str) -> "subprocess.Popen[str]":
    """Start the command."""
    paths = os.pathsep.join([str(place / "plug-ins"), str(ROOT)])
    with (place / f"{workspace}.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *RUN, "--workspace", workspace, *more],
            cwd=place,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def board(place: Path, workspace: str) -> list[object]:
    """The table, but for times."""
    (path,) = Workspace(place / workspace).run_files()
    run = load_run(path)
    assert (run.n, run.of, len({case.id for case in run.cases})) == (CASES, CASES, CASES)
    return [run.metrics, [(case.id, case.metrics) for case in run.cases]]


def finished(place: Path, workspace: str) -> dict[str, int]:
    """Case -> when its record was written, in nanoseconds."""
    return {path.stem: path.stat().st_mtime_ns for path in (place / workspace).glob("runs/*/*/scored/*.json")}


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> list[object]:
    """The table of one process that nobody disturbs."""
    assert begin(place, "undisturbed").wait(600) == 0, (place / "undisturbed.log").read_text()
    return board(place, "undisturbed")


def processes() -> Iterator[tuple[int, int, str]]:
    """Of this machine: number, parent's number, command."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
        if status[0] != "Z":
            yield int(folder.name), int(status[1]), command


def descendants(process: int) -> dict[int, str]:
    """All processes that a process has begun, directly or not."""
    found: dict[int, str] = {process: ""}
    table = list(processes())
    for _ in range(5):
        found |= {number: command for number, parent, command in table if parent in found}
    return {number: command for number, command in found.items() if number != process}


def gone(begun: dict[int, str], within_s: float = 20) -> float:
    """Seconds until none of the processes runs any more; AssertionError if some still do."""
    start = time.monotonic()
    while left := {number for number, _, _ in processes()} & begun.keys():
        assert time.monotonic() - start < within_s, {number: begun[number] for number in left}
        time.sleep(0.2)
    return time.monotonic() - start


def check(place: Path, workspace: str, undisturbed: list[object], said: str) -> None:
    log = (place / f"{workspace}.log").read_text()
    assert board(place, workspace) == undisturbed
    assert "Traceback" not in log and "unexpectedly" not in log, log
    print(f"{workspace}: {said}; {sum('died' in line for line in log.splitlines())} deaths were said")


def test_workers_are_killed(place, undisturbed, slowly, capsys) -> None:
    rng = random.Random(SEED)
    command = begin(place, "workers", "--cluster", "local")
    killed = 0
    while command.poll() is None and killed < KILLS:
        time.sleep(rng.uniform(2, 6))
        workers = [n for n, what in descendants(command.pid).items() if what.startswith("ray::Worker")]
        if workers and finished(place, "workers"):
            os.kill(rng.choice(workers), signal.SIGKILL)
            killed += 1
    assert command.wait(600) == 0, (place / "workers.log").read_text()
    assert killed == KILLS
    with capsys.disabled():
        check(place, "workers", undisturbed, f"{killed} workers killed")


def test_machines_are_killed(place, undisturbed, slowly, capsys, monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-token-of-this-test")
    from ray.cluster_utils import Cluster

    rng = random.Random(SEED)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    try:
        command = begin(place, "machines", "--cluster", cluster.address)
        killed = 0
        while command.poll() is None and killed < KILLS:
            time.sleep(rng.uniform(5, 12))
            if finished(place, "machines"):
                nodes.append(cluster.add_node(num_cpus=1))
                cluster.remove_node(nodes.pop(rng.randrange(2)), allow_graceful=False)
                killed += 1
        assert command.wait(600) == 0, (place / "machines.log").read_text()
    finally:
        cluster.shutdown()
    assert killed == KILLS
    with capsys.disabled():
        check(place, "machines", undisturbed, f"{killed} machines killed")


def test_the_command_is_killed(place, undisturbed, slowly, capsys) -> None:
    rng = random.Random(SEED)
    before: dict[str, int] = {}
    reached = []
    longest_s = 0.0
    for number in range(KILLS):
        command = begin(place, "command", "--cluster", "local")
        start = time.monotonic()
        while not descendants(command.pid) and time.monotonic() - start < 60:
            time.sleep(0.1)
        if number % 3:  # the others are killed while they start
            while len(finished(place, "command")) == len(before) and time.monotonic() - start < 120:
                time.sleep(0.1)
        until = time.monotonic() + rng.uniform(0, 4)
        while time.monotonic() < until and command.poll() is None:
            time.sleep(0.1)
        begun = descendants(command.pid)
        command.kill()
        command.wait()
        longest_s = max(longest_s, gone(begun, within_s=5))
        now = finished(place, "command")
        assert before.items() <= now.items(), "finished cases were lost, or scored again"
        before = now
        reached.append(len(now))
    assert len(set(reached)) > KILLS // 2, f"killed before cases were finished: {reached}"
    assert begin(place, "command", "--cluster", "local").wait(600) == 0, (place / "command.log").read_text()
    assert before.items() <= finished(place, "command").items()
    with capsys.disabled():
        check(
            place,
            "command",
            undisturbed,
            f"killed {KILLS} times, with {reached} cases finished, all gone in {longest_s:.1f} s",
        )
    assert not list(Path("/tmp").glob("bench-ray-*")), "folders of Ray were left behind"


def test_ctrl_c_leaves_no_process(place, slowly) -> None:
    command = begin(place, "stopped", "--cluster", "local")
    start = time.monotonic()
    while not finished(place, "stopped") and time.monotonic() - start < 120:
        time.sleep(0.2)
    begun = descendants(command.pid)
    assert any(what.startswith("ray::Worker") for what in begun.values())
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does
    assert command.wait(60) == 130, (place / "stopped.log").read_text()
    gone(begun)
