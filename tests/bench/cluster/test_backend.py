"""Two Ray workers give the table of one process, also when one of them is killed; without --cluster there is no Ray."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli, registry
from bench.cluster.backend import RayBackend, Share, ray_backend
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.results import RunResult, load_run
from bench.runs.backend import Backend, LocalBackend
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.run import run
from bench.runs.tracking import Tracker
from bench.runs.workspace import Workspace
from datasets import phantom
from metrics.protocol import protocol
from tests.bench.cluster.made_methods import Fragile, NeedsFlair

ROOT = Path(__file__).parents[3]
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayBackend]:
    monkeypatch.syspath_prepend(str(ROOT))  # where workers find the methods of these tests
    with ray_backend("local", cores=2) as backend:
        yield backend


@pytest.fixture
def workplace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny dataset under every name, two methods, no MLflow."""
    dataset = tiny_dataset(test=5)
    methods = {"fragile": Fragile, "needs-flair": NeedsFlair}
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: dataset)
    monkeypatch.setattr(registry, "method", methods.__getitem__)
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)


def table(run: RunResult) -> list[object]:
    """What stands in the tables, but for how long things took."""
    cases = [(case.id, case.threshold, case.metrics, case.lesions) for case in run.cases]
    return [run.method, run.status, run.error, run.metrics, run.failed_cases, run.parameters, cases]


@needs_ray
def test_two_workers_one_of_which_is_killed_give_the_table_of_one(cluster, workplace, tmp_path, capfd) -> None:
    import ray

    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
    assert cluster.most_workers == 2 and cluster.device("auto") == "cpu"
    choice = Choice(("fragile", "needs-flair"), pairs=(f"notes={tmp_path}",), device="auto")
    results = {}
    backends: dict[str, Backend] = {"cluster": cluster, "process": LocalBackend()}
    for name, backend in backends.items():
        place = Bench(Workspace(tmp_path / name), SilentReporter(), backend=backend)
        results[name] = run(place, choice, phantom.Settings(), protocol("paper"))
        assert [load_run(path) for path in place.workspace.run_files()] == results[name]
    assert capfd.readouterr() == ("", "")  # what Ray has to say of a worker that dies is the reporter's
    fragile, skipped = results["cluster"]
    assert [table(run) for run in results["cluster"]] == [table(run) for run in results["process"]]
    assert (fragile.n, fragile.failed_cases) == (4, {"test-2": "ValueError: no such case"})
    assert (skipped.status, skipped.error) == ("skipped", "it needs FLAIR images")
    scored_by = {case.id: (tmp_path / case.id).read_text().split() for case in fragile.cases}
    assert all(len(pids) == 2 and pids[1] == str(os.getpid()) != pids[0] for pids in scored_by.values())
    assert len({pids[0] for pids in scored_by.values()}) > 1
    (log,) = (tmp_path / "cluster").glob("runs/*/fragile-*/errors.log")
    assert "made_methods.py" in log.read_text()  # the traceback in the worker
    (parts,) = (tmp_path / "cluster").glob("components/moments-*")
    assert (parts / "card.json").exists()


def test_without_ray_there_is_a_sentence(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["run", "--method", "random", "--cluster", "local", "--workspace", str(tmp_path)]
    shown = CliRunner().invoke(cli.app, command)
    assert (shown.exit_code, shown.stderr) == (
        2,
        "--cluster needs Ray: pip install 'brain-anomaly-bench[cluster]'.\n",
    )


def test_without_cluster_ray_is_not_imported() -> None:
    imports = "import bench.cli.running, bench.runs.run, sys; print('ray' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", imports], cwd=ROOT, text=True).strip() == "False"


@needs_ray
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--gpus-per-worker", "1"), "--gpus-per-worker goes with --cluster"),
        (("--cluster", "ray://head:10001"), "name the address as host:port"),
        (("--cluster", "127.0.0.1:1"), "--cluster 127.0.0.1:1: no cluster can be reached there (Connection refused)"),
        (("--cluster", "local", "--gpus-per-worker", "1.5"), "a worker takes a part of a GPU, or whole ones"),
    ],
)
def test_what_cannot_be_is_a_sentence(arguments, sentence, tmp_path) -> None:
    shown = CliRunner().invoke(cli.app, ["run", "--method", "random", "--workspace", str(tmp_path), *arguments])
    assert shown.exit_code == 2 and sentence in shown.stderr


class FakeRay:
    """A cluster with these resources."""

    def __init__(self, **resources: float) -> None:
        self.resources = resources

    def cluster_resources(self) -> dict[str, float]:
        return self.resources


def test_workers_fill_the_gpus_or_else_the_cores() -> None:
    assert RayBackend(FakeRay(CPU=64, GPU=8), Share(1, 1)).most_workers == 8
    assert RayBackend(FakeRay(CPU=64, GPU=8), Share(0.5, 4)).most_workers == 16
    assert RayBackend(FakeRay(CPU=64), Share(0, 4)).most_workers == 16
    assert RayBackend(FakeRay(CPU=2), Share(0, 4)).most_workers == 1
    assert RayBackend(FakeRay(CPU=64, GPU=8), Share(1, 1)).device("auto") == "cuda"
    with pytest.raises(BenchError, match="--device cuda: the cluster has no GPU"):
        RayBackend(FakeRay(CPU=64), Share(0, 1)).device("cuda")
