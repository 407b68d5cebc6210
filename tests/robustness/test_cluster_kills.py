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
PATIENCE_S = 200  # for the next case: a worker takes seconds to start, on a busy machine a minute
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


class Kills:
    """Kills in the middle of scoring: each some time after another case was finished, and before the last one is."""

    def __init__(self, place: Path, workspace: str) -> None:
        self.place, self.workspace = place, workspace
        self.rng = random.Random(SEED)
        self.reached: list[int] = []  # how many cases were finished at each kill

    def wait(self, command: "subprocess.Popen[str]") -> None:
        """Until it is time for the next kill. AssertionError when the command ends before, or does not go on."""
        start, before = time.monotonic(), len(finished(self.place, self.workspace))
        while len(finished(self.place, self.workspace)) == before:
            assert command.poll() is None, (self.place / f"{self.workspace}.log").read_text()
            assert time.monotonic() - start < PATIENCE_S, (self.place / f"{self.workspace}.log").read_text()
            time.sleep(0.1)
        time.sleep(self.rng.uniform(0, 2 * float(SECONDS)))
        self.reached.append(len(finished(self.place, self.workspace)))
        assert 0 < self.reached[-1] < CASES and command.poll() is None, f"killed too late: {self.reached}"


def test_workers_are_killed(place, undisturbed, slowly, capsys) -> None:
    command = begin(place, "workers", "--cluster", "local")
    kills = Kills(place, "workers")
    for _ in range(KILLS):
        kills.wait(command)
        workers = [n for n, what in descendants(command.pid).items() if what.startswith("ray::Worker")]
        os.kill(kills.rng.choice(workers), signal.SIGKILL)
    assert command.wait(600) == 0, (place / "workers.log").read_text()
    with capsys.disabled():
        check(place, "workers", undisturbed, f"workers killed with {kills.reached} cases finished")


def test_machines_are_killed(place, undisturbed, slowly, capsys, monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-token-of-this-test")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    kills = Kills(place, "machines")
    try:
        command = begin(place, "machines", "--cluster", cluster.address)
        for _ in range(KILLS):
            kills.wait(command)
            cluster.remove_node(nodes.pop(kills.rng.randrange(2)), allow_graceful=False)
            nodes.append(cluster.add_node(num_cpus=1))
        assert command.wait(600) == 0, (place / "machines.log").read_text()
    finally:
        cluster.shutdown()
    with capsys.disabled():
        check(place, "machines", undisturbed, f"machines killed with {kills.reached} cases finished")


def test_the_command_is_killed(place, undisturbed, slowly, capsys) -> None:
    before: dict[str, int] = {}
    kills = Kills(place, "command")
    longest_s = 0.0
    for _ in range(KILLS):
        command = begin(place, "command", "--cluster", "local")
        kills.wait(command)
        begun = descendants(command.pid)
        command.kill()
        command.wait()
        longest_s = max(longest_s, gone(begun, within_s=5))
        now = finished(place, "command")
        assert before.items() <= now.items(), "finished cases were lost, or scored again"
        before = now
    assert begin(place, "command", "--cluster", "local").wait(600) == 0, (place / "command.log").read_text()
    assert before.items() <= finished(place, "command").items()
    with capsys.disabled():
        said = f"killed with {kills.reached} cases finished, all processes gone within {longest_s:.1f} s"
        check(place, "command", undisturbed, said)
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
