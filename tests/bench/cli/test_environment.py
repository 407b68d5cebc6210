"""What the machine does to a command: sentences, exit codes, output that nobody reads or that lacks signs."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.environment import prepare_streams, stop_for
from bench.errors import SENTENCES, reason, stops_all
from bench.results import save_result

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("number", SENTENCES)
def test_every_fault_of_the_system_is_a_sentence_that_names_the_place(number):
    stop = stop_for(OSError(number, os.strerror(number), "/data/file"))
    assert stop.code == 2 and stop.sentence.endswith(".") and "\n" not in stop.sentence
    assert "/data/file" in stop.sentence or "{place}" not in SENTENCES[number]
    assert stop_for(OSError(number, os.strerror(number))).sentence[0].isupper()


def test_other_faults_of_the_system_are_told_as_it_tells_them():
    stop = stop_for(OSError(errno.ENODEV, "No such device", "/data/file"))
    assert (stop.code, stop.sentence[:44]) == (2, "/data/file cannot be used (No such device): ")


def test_long_names_are_shortened():
    assert len(stop_for(OSError(errno.ENAMETOOLONG, "File name too long", "n" * 5000)).sentence) < 250


def test_memory_pipes_and_ctrl_c():
    assert "not enough memory" in stop_for(MemoryError()).sentence
    assert stop_for(BrokenPipeError(errno.EPIPE, "Broken pipe")).sentence is None
    assert stop_for(KeyboardInterrupt()).code == 130
    assert stop_for(ValueError("ours")) is None and stop_for(OSError("without a number")) is None


def test_the_reason_of_a_failed_case_is_the_same_sentence():
    denied = PermissionError(errno.EACCES, "Permission denied", "maps/sub-2.nii.gz")
    assert reason(denied).startswith("maps/sub-2.nii.gz may not be read or written by you: change its permissions")
    assert reason(ValueError("a\nb")) == "ValueError: a b"


def test_what_stops_all_cases():
    assert stops_all(OSError(errno.ENOSPC, "full")) and stops_all(OSError(errno.EROFS, "read-only"))
    assert stops_all(RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"))
    assert not stops_all(PermissionError(errno.EACCES, "denied")) and not stops_all(ValueError("ours"))


def bench(command, **environment):
    """A shell command in which `bench` is this checkout's: (exit code, stdout, stderr)."""
    script = f'bench() {{ "{sys.executable}" -m bench "$@"; }}; {command}'
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    shown = subprocess.run(["bash", "-c", script], capture_output=True, env=env)
    return shown.returncode, shown.stdout, shown.stderr.decode()


def test_a_reader_that_goes_away_ends_the_command_quietly():
    code, out, error = bench("set -o pipefail; bench methods | sleep 0; exit ${PIPESTATUS[0]}")
    assert (code, out, error) == (141, b"", "")


@pytest.mark.parametrize("arguments", ["methods", "--help"])
def test_a_full_device_is_a_sentence(arguments):
    code, _, error = bench(f"bench {arguments} > /dev/full")
    assert code == 2 and error.startswith("The disk is full") and error.count("\n") == 1


def test_closed_streams_lead_nowhere():
    assert bench("bench methods >&-") == (0, b"", "")
    assert bench("bench methods nope 2>&-") == (2, b"", "")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "latin-1"])
def test_signs_that_a_terminal_lacks_are_replaced(tmp_path, make_run, encoding):
    run = make_run("made", dataset="tiny", dataset_fingerprint="ffff", msd_vox=[1.0, 2.0])
    save_result(tmp_path / "runs" / "tiny-ffff" / "made-k" / "results" / "paper" / "run.json", run)
    code, out, error = bench(f"bench leaderboard --metric msd_vox --workspace {tmp_path}", PYTHONIOENCODING=encoding)
    assert (code, error) == (0, "")
    assert "MSD v" in out.decode(encoding) and "1.50 ± 0.50" in out.decode(encoding)


def test_plainer_signs():
    prepare_streams()
    assert "↓ 1.50 ± 0.50 – ≥ 神".encode("ascii", "bench") == b"v 1.50 +- 0.50 - >= ?"
