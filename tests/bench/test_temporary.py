"""Leftovers: those of killed processes go, all else stays."""

import os
import subprocess
import sys
import time

import pytest

from bench import temporary
from bench.files import write_text
from bench.temporary import remove_leftovers, temporary_path


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(process, path, monkeypatch, machine=None):
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: process)
        if machine:
            patch.setattr(temporary, "_machine", lambda: machine)
        found = temporary_path(path)
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text("half")
    return found


def test_files_and_folders_of_dead_processes_go(tmp_path, monkeypatch, dead):
    file = left_by(dead, tmp_path / "runs" / "sub-01.nii.gz", monkeypatch)
    assert file.name.endswith(".sub-01.nii.gz")
    folder = left_by(dead, tmp_path / "components" / "moments-1", monkeypatch)
    folder.unlink()
    write_text(folder / "card.json", "{}")
    own = left_by(os.getpid(), tmp_path / "earlier.json", monkeypatch)  # a number may come again, as in a container
    remove_leftovers(tmp_path)
    assert not file.exists() and not folder.exists() and not own.exists()


def test_what_is_being_written_or_is_not_ours_stays(tmp_path, monkeypatch, dead):
    living = left_by(os.getppid(), tmp_path / "a.json", monkeypatch)
    elsewhere = left_by(dead, tmp_path / "b.json", monkeypatch, machine="0123abcd")
    kept = [living, elsewhere, tmp_path / ".hidden", tmp_path / f".{dead}.note", tmp_path / "a.json"]
    for path in kept[2:]:
        path.write_text("mine")
    remove_leftovers(tmp_path)
    assert all(path.exists() for path in kept)
    long_ago = time.time() - 2 * temporary.DAY_S
    os.utime(elsewhere, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert not elsewhere.exists() and living.exists()


def test_checkpoints_stay_until_their_part_is_trained(tmp_path):
    write_text(tmp_path / ".training-ae-1" / "checkpoint.safetensors", "")
    (tmp_path / ".training-ae-2").mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".training-ae-1"]
    (tmp_path / "ae-1").mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ae-1"]


def test_no_folder_is_no_problem(tmp_path):
    remove_leftovers(tmp_path / "not there")
