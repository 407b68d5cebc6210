"""The SLURM script of docs/cluster.md, and the srun of docs/gpu.md, on a SLURM of one node.

This test starts it: `apt install slurm-wlm munge`.

python -m pytest -m slow -s tests/robustness/test_slurm.py          # as root
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.results import load_run
from bench.runs.workspace import Workspace
from tests.robustness.inputs import make_scans

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.skipif(not shutil.which("slurmctld") or not shutil.which("munged"), reason="SLURM is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="slurmd starts jobs as root only"),
]
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}
SlurmdSpoolDir={folder}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SLURM with this machine as its node."""
    configuration = tmp_path / "slurm" / "slurm.conf"
    configuration.parent.mkdir()
    configuration.write_text(CONFIGURATION.format(host=socket.gethostname(), folder=configuration.parent))
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    begun = []
    if subprocess.run(["munge", "-n"], capture_output=True).returncode:
        Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge")
        begun.append(subprocess.Popen(["su", "-s", "/bin/sh", "munge", "-c", "exec munged --foreground"]))
        time.sleep(2)
    begun.append(subprocess.Popen(["slurmctld", "-D"], stderr=subprocess.DEVNULL))
    begun.append(subprocess.Popen(["slurmd", "-D"], stderr=subprocess.DEVNULL))
    for _ in range(60):
        if "idle" in subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True).stdout:
            break
        time.sleep(1)
    yield
    for process in reversed(begun):
        process.terminate()
        process.wait(30)


def environment(folder: Path) -> dict[str, str]:
    """In which `bench` is the command of this clone."""
    command = folder / "bin" / "bench"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m bench "$@"\n')
    command.chmod(0o755)
    paths = os.pathsep.join([str(command.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_the_script_of_the_docs_runs_on_one_node(slurm: None, tmp_path: Path) -> None:
    make_scans(tmp_path)
    page = (ROOT / "docs" / "cluster.md").read_text()
    script = "#!/bin/bash" + page.partition("#!/bin/bash")[2].partition("```")[0]
    for there, here in (("nodes=2", "nodes=1"), ("#SBATCH --gpus-per-node=4\n", ""), ("per-task=32", "per-task=2")):
        assert there in script
        script = script.replace(there, here)
    (tmp_path / "bench.sbatch").write_text(script)
    options = ["--method", "zscore", "--dataset", "bids", "--root", "B", "--lesion-set", "plain", "--workspace", "ws"]
    ended = subprocess.run(
        ["sbatch", "--wait", "--output=log.txt", "bench.sbatch", *options],
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=500,
    )
    log = (tmp_path / "log.txt").read_text()
    assert ended.returncode == 0, log
    (path,) = Workspace(tmp_path / "ws").run_files()
    run = load_run(path)
    assert (run.method, run.status, run.n) == ("zscore", "finished", run.of)
    print(log)


def test_two_tasks_of_srun_train_as_one(slurm: None, tmp_path: Path) -> None:
    make_scans(tmp_path)
    fit = "bench fit --method ae --set autoencoder.iterations=4 --dataset bids --root B --workspace ws --device cpu"
    ended = subprocess.run(
        ["sbatch", "--wait", "--output=log.txt", "--ntasks-per-node=2", "--wrap", f"srun {fit} --devices 2"],
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=500,
    )
    log = (tmp_path / "log.txt").read_text()
    assert ended.returncode == 0, log
    assert "Starting with 2 processes" in log
    assert len(list((tmp_path / "ws" / "components").glob("autoencoder-*/weights.safetensors"))) == 1, log
    print(log)
