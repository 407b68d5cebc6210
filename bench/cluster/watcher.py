"""A process beside a command with a cluster of its own: when the command is killed, it ends what Ray leaves running.

Ray's servers die with the command and its workers within seconds, but its agents try for a minute to tell the dead
servers of it. Run as a script, with the standard library alone; it reads Linux's /proc, and finds nothing elsewhere.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_EVERY_S = 0.5
END_WITHIN_S = 20.0


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Should this process be killed in this block, then those that have a file open in the folder end with it."""
    watcher = subprocess.Popen(
        [sys.executable, "-I", __file__, str(os.getpid()), str(folder)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.wait()


def watch(command: int, folder: str) -> None:
    """Wait for the end of the command, then kill the processes of its cluster, those too that begin meanwhile."""
    while os.getppid() == command:
        time.sleep(LOOK_EVERY_S)
    start = time.monotonic()
    while (found := users(folder)) and time.monotonic() - start < END_WITHIN_S:
        for process in found:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def users(folder: str) -> set[int]:
    """Processes that have a file open in the folder; all of Ray's have their log."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # closed meanwhile, or another user's
            if link.readlink().is_relative_to(folder):
                found.add(int(link.parts[2]))
    return found


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2])
