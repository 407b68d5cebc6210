"""A thousand scans in one command: memory stays flat, and what was killed goes on; each scan is answered once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.predicting.conftest import Made, brain, write

SCANS, FILES = 1000, 20
STATUS = Path("/proc/self/status")


def memory_mb(process: subprocess.Popen) -> float:
    """What a process holds of memory now."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def sidecars(folder: Path) -> dict[Path, int]:
    """Each with when it was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("sub-*/anat/*_mask.json")}


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="memory is read from /proc")
def test_a_thousand_scans_in_flat_memory_killed_once(made: Made, tmp_path: Path):
    for k in range(FILES):
        write(tmp_path / "files" / f"{k}.nii.gz", brain(k))
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for k in range(SCANS):
        (scans / f"sub-{k:04d}_T1w.nii.gz").symlink_to(tmp_path / "files" / f"{k % FILES}.nii.gz")
    command = [sys.executable, "-m", "bench", "predict", scans, out, "--model", "tiny", "--threads", "1"]
    command += ["--workspace", made.workspace]

    def started() -> subprocess.Popen:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    first = started()
    while first.poll() is None and len(sidecars(out)) < SCANS // 5:
        time.sleep(0.2)
    first.kill()
    first.wait()
    before = sidecars(out)
    assert SCANS // 5 <= len(before) < SCANS
    second, held = started(), {}
    while second.poll() is None:
        held[len(sidecars(out))] = memory_mb(second)
        time.sleep(2)
    assert second.returncode == 0
    after = sidecars(out)
    assert len(after) == SCANS and before.items() <= after.items()
    assert len((out / "predictions.tsv").read_text().splitlines()) == SCANS + 1
    settled = [mb for done, mb in held.items() if len(before) + 50 <= done < SCANS]
    print(f"memory with {len(before) + 50} to {SCANS} scans done: {min(settled):.0f} to {max(settled):.0f} MB")
    assert max(settled) - min(settled) < 60
