"""Names of files that are being written, by which a later command knows those of killed ones, and removes them."""

import os
import platform
import re
import shutil
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path

NAME = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)\..+")
TRAINING = ".training-"  # begins the folder of checkpoints of a part that is being trained
DAY_S = 24 * 3600.0


def temporary_path(path: Path) -> Path:
    """Beside a path, hidden, with the same suffixes, named by the machine, the process and the thread that write it."""
    thread = "" if threading.current_thread() is threading.main_thread() else f"{threading.get_ident()}."
    return path.with_name(f".{_machine()}-{os.getpid()}.{thread}{path.name}")


def remove_leftovers(*folders: Path) -> None:
    """Remove what killed processes left half written below folders.

    That are files of this machine's processes that are no more; of other machines, which may share the disk, those
    older than a day; and checkpoints of a part that was trained to its end since. What cannot be removed stays.
    """
    for folder in folders:
        for place, inner, files in os.walk(folder):
            for name in (*inner, *files):
                path = Path(place, name)
                if name.startswith(TRAINING) and name in inner:
                    _remove_checkpoints(path)
                elif name.startswith(".") and _is_left_over(path):
                    _remove(path)
            inner[:] = [name for name in inner if not name.startswith(".") or name.startswith(TRAINING)]


def _is_left_over(path: Path) -> bool:
    name = NAME.fullmatch(path.name)
    if name is None:
        return False
    if name["machine"] == _machine():
        return not _runs(int(name["process"]))
    return time.time() - path.lstat().st_mtime > DAY_S


def _runs(process: int) -> bool:
    """Whether another process of this number runs here; it may be another program, then the file waits."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return process != os.getpid()


def _remove_checkpoints(path: Path) -> None:
    """Of a part that is there by now, or a folder without any."""
    with suppress(OSError):
        path.rmdir()  # which refuses when there is something in it
    if path.with_name(path.name.removeprefix(TRAINING)).exists():
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _machine() -> str:
    """Eight hex digits for this machine, or this container: processes are numbered anew in each."""
    return f"{zlib.crc32(platform.node().encode()):08x}"
