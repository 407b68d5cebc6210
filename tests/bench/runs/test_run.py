"""Runs from fit to table on the tiny dataset: results, failures, resuming."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

import bench.runs.datasets
import bench.runs.evaluation
from bench import registry
from bench.errors import BenchError
from bench.results import load_run
from bench.runs.bench import Bench
from bench.runs.choice import Choice, ChosenMethod, chosen_device
from bench.runs.evaluate_again import Which, evaluate_again
from bench.runs.fitting import fit_methods
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store, ship
from bench.runs.workspace import Workspace
from datasets import phantom
from datasets.case import NativeGrid
from metrics.inputs import lowest_outside
from tests.bench.runs.made_methods import PAPER, Brightness, NeedsFlair, Reporter, do_run, tables

pytestmark = pytest.mark.usefixtures("workplace")
ROOT = str(Path(__file__).parents[3])


def test_a_run_writes_maps_results_and_tables(tmp_path, workplace):
    (result,) = do_run(tmp_path, "zscore")
    assert (result.status, result.n, result.of) == ("finished", 3, 3)
    assert result.metrics["auroc"].mean > 0.6
    assert result.source.startswith("package:") and result.git_commit
    assert result.parameters > 0 and result.runtime_s_per_case > 0 and result.peak_memory_mb > 0
    (folder,) = tmp_path.glob("runs/tiny-*/zscore-*")
    case = workplace.test[0]
    for path in (folder / "maps" / f"{case.id}_anomaly.nii.gz", folder / "prepared" / f"{case.id}.nii.gz"):
        image = nibabel.load(path)
        assert image.shape == case.brain_mask.shape and np.allclose(image.affine, case.affine)
        assert image.get_data_dtype() == np.float32
    rows = list(csv.DictReader((folder / "results/paper/cases.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == list(workplace.test_ids)
    assert float(rows[0]["dice"]) == result.cases[0].metrics["dice"]
    assert load_run(folder / "results/paper/run.json") == result
    assert {path.stem for path in folder.glob("results/paper/cases/*.json")} == set(workplace.test_ids)


def test_maps_come_back_on_the_subjects_own_grid(tmp_path, workplace, monkeypatch):
    shifted = np.diag([2.0, 2.0, 2.0, 1.0])
    shifted[:3, 3] = (4, 0, -2)
    native = NativeGrid((30, 32, 34), shifted)
    monkeypatch.setattr(
        bench.runs.datasets,
        "load_dataset",
        lambda settings, cache_folder: replace(
            workplace, test=tuple(replace(c, native=native) for c in workplace.test)
        ),
    )
    do_run(tmp_path, "brightness")
    (path,) = tmp_path.glob("runs/*/brightness-*/maps/test-0_anomaly.nii.gz")
    image = nibabel.load(path)
    assert image.shape == native.shape and np.array_equal(image.affine, shifted)
    case = workplace.test[0]
    expected = lowest_outside(case.image.sum(axis=0), case.brain_mask)
    assert np.allclose(image.get_fdata()[:, :, 1:33], expected[2:], atol=1e-6)


def test_the_same_seed_gives_the_same_table(tmp_path):
    do_run(tmp_path / "a", "random", "zscore")
    do_run(tmp_path / "b", "random", "zscore")
    assert tables(tmp_path / "a") == tables(tmp_path / "b")
    do_run(tmp_path / "c", "random", seeds=(1,))
    assert tables(tmp_path / "c") != tables(tmp_path / "a")[:1]


def test_finished_cases_are_not_scored_again_unless_asked(tmp_path):
    do_run(tmp_path, "brightness")
    messages = Reporter()
    do_run(tmp_path, "brightness", messages=messages)
    assert len(Brightness.scored) == 3
    assert "3 of 3 cases were scored before" in messages.lines[0]
    do_run(tmp_path, "brightness", again=True)
    assert len(Brightness.scored) == 6


def test_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    do_run(tmp_path / "undisturbed", "brightness")
    Brightness.scored.clear()
    monkeypatch.setattr(Brightness, "stop", "test-2")
    with pytest.raises(KeyboardInterrupt):
        do_run(tmp_path / "stopped", "brightness")
    assert Workspace(tmp_path / "stopped").run_files() == []
    monkeypatch.setattr(Brightness, "stop", None)
    do_run(tmp_path / "stopped", "brightness")
    assert Brightness.scored == ["test-0", "test-1", "test-2"]
    assert tables(tmp_path / "stopped") == tables(tmp_path / "undisturbed")


KILLED = """
import os, signal, sys
from pathlib import Path
import bench.runs.evaluation
import bench.runs.datasets
from bench.reporting import SilentReporter
from bench.contributing.contract import tiny_dataset
from bench.runs.bench import Bench
from bench.runs.choice import Choice
from bench.runs.run import run
from bench.runs.scoring import fitted_detector
from bench.runs.store import Store, ship
from bench.runs.workspace import Workspace
from datasets import phantom
from metrics.protocol import protocol
from methods.zscore import ZScore

score = ZScore.score
def killed(self, case):
    if case.id == "test-1":
        os.kill(os.getpid(), signal.SIGKILL)
    return score(self, case)
ZScore.score = killed
bench.runs.datasets.load_dataset = lambda settings, cache_folder: tiny_dataset(test=3)
place = Bench(Workspace(Path(sys.argv[1])), SilentReporter())
run(place, Choice(("zscore",), device="cpu"), phantom.Settings(), protocol("paper"))
"""


def test_killed_run_gives_the_same_table(tmp_path):
    do_run(tmp_path / "undisturbed", "zscore")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")], env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("killed/runs/*/*/maps/*.nii.gz"))) == 1
    do_run(tmp_path / "killed", "zscore")
    assert tables(tmp_path / "killed") == tables(tmp_path / "undisturbed")


def test_bad_map_is_a_failed_case_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(Brightness, "broken", "test-1")
    messages = Reporter()
    (result,) = do_run(tmp_path, "brightness", messages=messages)
    assert (result.status, result.n, result.of) == ("finished", 2, 3)
    assert "voxels inside the brain that are not finite" in result.failed_cases["test-1"]
    assert any("test-1 failed" in line for line in messages.lines)
    monkeypatch.setattr(Brightness, "broken", None)
    (result,) = do_run(tmp_path, "brightness")
    assert (result.n, result.failed_cases) == (3, {})
    assert Brightness.scored == ["test-0", "test-2", "test-1"]
    assert [case.id for case in result.cases] == ["test-0", "test-1", "test-2"]


def test_failing_method_does_not_stop_the_others(tmp_path):
    failed, finished = do_run(tmp_path, "never-fits", "brightness")
    assert (failed.status, failed.error, failed.n) == ("failed", "RuntimeError: out of memory", 0)
    assert (finished.status, finished.n) == ("finished", 3)
    (log,) = tmp_path.glob("runs/*/never-fits-*/errors.log")
    assert "Traceback" in log.read_text()


def test_a_method_that_cannot_run_here_is_skipped_and_tried_again(tmp_path, monkeypatch):
    messages = Reporter()
    skipped, finished = do_run(tmp_path, "needs-flair", "brightness", messages=messages)
    assert (skipped.status, skipped.error, skipped.n) == (
        "skipped",
        "it needs FLAIR images, there are ('T1w', 'T2w')",
        0,
    )
    assert finished.status == "finished"
    assert any(line.startswith("needs-flair is skipped: it needs FLAIR") for line in messages.lines)
    assert not list(tmp_path.glob("runs/*/needs-flair-*/errors.log"))
    (again,) = evaluate_again(Bench(Workspace(tmp_path), Reporter()), PAPER, Which(("needs-flair",))).results
    assert (again.status, again.error) == (skipped.status, skipped.error)
    monkeypatch.setattr(NeedsFlair, "skip", lambda self, context: None)
    (run_now,) = do_run(tmp_path, "needs-flair")
    assert (run_now.status, run_now.error, run_now.n) == ("finished", None, 3)


def test_a_skipped_method_is_no_failed_fit(tmp_path):
    fits = fit_methods(
        Bench(Workspace(tmp_path), Reporter()), Choice(("needs-flair",), device="cpu"), phantom.Settings()
    )
    assert fits.failed == {} and fits.skipped["needs-flair"].startswith("it needs FLAIR")


def test_code_that_changed_is_told_of_until_every_case_is_scored_anew(tmp_path, monkeypatch):
    def told(**choice):
        messages = Reporter()
        do_run(tmp_path, "brightness", messages=messages, **choice)
        return any("its code has changed since; --again" in line for line in messages.lines)

    monkeypatch.setattr(bench.runs.run, "source_hash", lambda detector: "package:one")
    assert not told() and not told()
    monkeypatch.setattr(bench.runs.run, "source_hash", lambda detector: "package:two")
    assert told() and told()
    assert not told(again=True) and not told()


def test_a_method_whose_cases_all_fail_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(Brightness, "score", lambda self, case: 1 / 0)
    (result,) = do_run(tmp_path, "brightness")
    assert result.status == "failed" and "ZeroDivisionError" in result.error


def test_damaged_map_is_a_failed_case(tmp_path):
    do_run(tmp_path, "brightness")
    (path,) = tmp_path.glob("runs/*/*/prepared/test-0.nii.gz")
    path.write_bytes(path.read_bytes()[:100])
    for case_file in tmp_path.glob("runs/*/*/results/paper/cases/*.json"):
        case_file.unlink()
    (result,) = do_run(tmp_path, "brightness")
    assert result.n == 2 and f"{path} is damaged" in result.failed_cases["test-0"]


def test_fit_keeps_trained_parts_and_reports_failures(tmp_path):
    place = Bench(Workspace(tmp_path), Reporter())
    fits = fit_methods(place, Choice(("zscore", "never-fits"), device="cpu"), phantom.Settings())
    assert fits.failed == {"never-fits": "RuntimeError: out of memory"}
    (part,) = fits.parts
    assert part.folder.parent == tmp_path / "components" and part.folder.name.startswith("moments-")


def test_cuda_where_there_is_none_is_a_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(BenchError, match="--device cpu or auto"):
        chosen_device("cuda")
    assert chosen_device("auto") == "cpu"


def test_a_damaged_record_is_made_anew_from_its_maps(tmp_path):
    (before,) = do_run(tmp_path, "brightness")
    (record,) = tmp_path.glob("runs/*/brightness-*/runtime.json")
    record.write_text('{"method": "brigh')
    record.with_name("scored").joinpath(f"{before.cases[0].id}.json").unlink()  # as an earlier version had none
    messages = Reporter()
    (after, other) = do_run(tmp_path, "brightness", "zscore", messages=messages)
    assert after.metrics == before.metrics and len(Brightness.scored) == 3
    assert other.status == "finished"
    (said,) = (line for line in messages.lines if "was damaged and is made anew from 3 maps" in line)
    assert "scoring 1 of them took is not known" in said
    assert record.with_name("runtime.json.damaged").exists()


def test_times_of_shipped_parts_are_told_apart(tmp_path, workplace):
    place = Bench(Workspace(tmp_path / "one"), Reporter())
    fits = fit_methods(place, Choice(("zscore",), device="cpu"), phantom.Settings())
    ship(fits.parts, tmp_path / "shipped")
    detector, store = registry.method("zscore"), Store(tmp_path / "two", tmp_path / "shipped")
    config = detector.Config()
    method = ChosenMethod(detector, config, "cpu", 0, "cpu")
    own = fitted_detector(method, workplace, place.store, Reporter())
    inherited = fitted_detector(method, workplace, store, Reporter())
    assert own.inherited_fit_s == 0 and inherited.inherited_fit_s == round(fits.parts[0].fit_s, 1)
