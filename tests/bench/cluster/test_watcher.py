"""What a killed command leaves running is ended; what one that ends by itself leaves is left alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")

ROOT = Path(__file__).parents[3]
COMMAND = """
import subprocess, sys
from pathlib import Path
from bench.cluster.watcher import watched
folder = Path(sys.argv[1])
with watched(folder), (folder / "log").open("w") as log:
    inside = subprocess.Popen(["sleep", "60"], stdout=log)
    outside = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    print(inside.pid, outside.pid, flush=True)
    sys.stdin.readline()
"""


def runs(process: int) -> bool:
    """Whether it does; one that has ended and waits to be told of does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("killed", [True, False])
def test_only_a_kill_ends_the_processes_that_use_the_folder(tmp_path: Path, killed: bool) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert command.stdout is not None
    inside, outside = map(int, command.stdout.readline().split())
    try:
        if killed:
            command.kill()
        command.communicate("\n")
        start = time.monotonic()
        while runs(inside) and time.monotonic() - start < (10 if killed else 1.5):
            time.sleep(0.05)
        assert (runs(inside), runs(outside)) == (not killed, True)
    finally:
        for process in (inside, outside):
            if runs(process):
                os.kill(process, signal.SIGKILL)
