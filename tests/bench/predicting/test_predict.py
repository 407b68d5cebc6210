"""From scans to answers, as a user types it."""

import json
import shutil
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from bench.models.manifest import read_manifest
from bench.models.model import Model
from bench.predicting.output import Predictions
from bench.predicting.predict import Job, predict
from bench.predicting.sidecar import read_sidecar
from bench.reporting import SilentReporter
from datasets.preparing import registration
from tests.bench.cluster.made_methods import FragileModel
from tests.bench.predicting.conftest import AFFINE, brain, invoke, write


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def volume(path):
    return np.asarray(nibabel.load(path).dataobj)


@pytest.fixture
def patient(tmp_path):
    """A brain with a hole of 4x4x4 voxels, 0.512 ml."""
    image = brain(100)
    image[10:14, 12:16, 8:12] = 30
    return write(tmp_path / "sub-p_T1w.nii.gz", image)


def test_a_scan_gets_map_mask_sidecar_picture_and_page(made, patient, tmp_path):
    before = files(patient.parent)
    answer = made.predict(patient, tmp_path / "out")
    assert answer.exit_code == 0 and "1 scan predicted; see" in answer.output
    anat = tmp_path / "out" / "sub-p" / "anat"
    anomaly_map, mask = volume(anat / "sub-p_anomaly.nii.gz"), volume(anat / "sub-p_desc-anomaly_mask.nii.gz")
    sidecar = read_sidecar(anat / "sub-p_desc-anomaly_mask.json")
    hole = np.s_[10:14, 12:16, 8:12]
    assert mask[hole].all() and mask.sum() * 0.008 == pytest.approx(sidecar.volumes.marked_ml)
    assert np.array_equal(np.unique(mask), [0, 1])
    assert (anomaly_map[mask > 0] > sidecar.threshold.value).all()
    assert sidecar.volumes.largest_ml >= 0.512 and sidecar.volumes.components >= 1
    assert sidecar.image_score.percentile == 100 and sidecar.image_score.healthy_scans == 1
    assert (sidecar.model.name, sidecar.threshold.false_positive_rate) == ("tiny", 0.01)
    assert nibabel.load(anat / "sub-p_anomaly.nii.gz").affine.tolist() == AFFINE.tolist()
    page = (tmp_path / "out" / "index.html").read_text()
    assert all(text in page for text in ("sub-p_desc-anomaly_qc.png", "sub-p_anomaly.nii.gz", "Apache-2.0", "100 %"))
    picture = (tmp_path / "out" / "sub-p" / "figures" / "sub-p_desc-anomaly_qc.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    lines = (tmp_path / "out" / "predictions.tsv").read_text().splitlines()
    assert len(lines) == 2 and lines[1].startswith("sub-p\t")
    assert before.items() <= files(patient.parent).items()  # nothing of the user's has changed


def test_a_map_lies_on_the_scans_own_grid_however_it_is_turned(made, patient, tmp_path):
    """The same brain, turned as by another scanner: (x, y, z) -> (z, -x, y), rows of 2 mm."""
    image = volume(patient)
    turned = image.transpose(2, 0, 1)[:, ::-1]
    affine = AFFINE @ np.array([[0, -1, 0, 23], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    write(tmp_path / "turned.nii.gz", turned, affine)
    assert made.predict(patient, tmp_path / "turned.nii.gz", tmp_path / "out").exit_code == 0
    straight = volume(tmp_path / "out/sub-p/anat/sub-p_anomaly.nii.gz")
    found = nibabel.load(tmp_path / "out/sub-turned/anat/sub-turned_anomaly.nii.gz")
    assert np.array_equal(found.affine, affine)
    assert np.array_equal(np.asarray(found.dataobj), straight.transpose(2, 0, 1)[:, ::-1])


def test_a_finer_grid_gets_its_own_mask_in_the_same_place(made, patient, tmp_path):
    fine = np.kron(volume(patient), np.ones((2, 2, 2), np.float32))
    affine = AFFINE @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    write(tmp_path / "fine.nii.gz", fine, affine)
    assert made.predict(patient, tmp_path / "fine.nii.gz", tmp_path / "out", "--align", "none").exit_code == 0
    coarse, finer = (
        read_sidecar(tmp_path / f"out/{name}/anat/{name}_desc-anomaly_mask.json") for name in ("sub-p", "sub-fine")
    )
    mask = volume(tmp_path / "out/sub-fine/anat/sub-fine_desc-anomaly_mask.nii.gz")
    assert mask.shape == (48, 56, 40) and mask[20:28, 24:32, 16:24].mean() > 0.8
    assert mask.sum() * 0.001 == pytest.approx(finer.volumes.marked_ml)
    assert finer.volumes.brain_ml == pytest.approx(coarse.volumes.brain_ml, rel=0.01)


def test_what_is_done_stays_and_what_was_stopped_is_gone_on_with(made, tmp_path):
    out = tmp_path / "out"
    assert made.predict(made.scans, out).exit_code == 0
    first = files(out)
    (out / "sub-3/anat/sub-3_desc-anomaly_mask.json").unlink()  # as if killed before the end of it
    again = made.predict(made.scans, out)
    assert "8 scans predicted, 7 of them before" in again.output
    changed = {str(path) for path, content in files(out).items() if first[path] != content}
    assert changed <= {"sub-3/anat/sub-3_desc-anomaly_mask.json", "index.html", "predictions.tsv"}  # its seconds


def test_a_scan_that_was_replaced_is_predicted_again(made, patient, tmp_path):
    out = tmp_path / "out"
    assert made.predict(patient, out).exit_code == 0
    write(patient, brain(5))
    assert "1 scan predicted; see" in made.predict(patient, out).output
    assert read_sidecar(out / "sub-p/anat/sub-p_desc-anomaly_mask.json").image_score.value < 10


def test_other_settings_want_another_folder(made, patient, tmp_path):
    out = tmp_path / "out"
    assert made.predict(patient, out).exit_code == 0
    before = files(out)
    for options, word in ((("--fpr", 0.05), "falsepositiverate"), (("--align", "none"), "align")):
        answer = made.predict(patient, out, *options)
        assert answer.exit_code == 2 and f"another {word}: name a new folder" in answer.output
    assert files(out) == before


def test_the_higher_threshold_marks_less(made, tmp_path):
    marked = {}
    for rate in (0.05, 0.01):
        assert made.predict(made.scans, tmp_path / str(rate), "--fpr", rate).exit_code == 0
        sidecars = (tmp_path / str(rate)).rglob("*_mask.json")
        marked[rate] = sum(json.loads(path.read_text())["Volumes"]["MarkedMl"] for path in sidecars)
    assert marked[0.05] > marked[0.01]
    manifest = read_manifest(made.workspace / "models" / "tiny")
    assert manifest.threshold(0.05).value < manifest.threshold(0.01).value


def test_a_brain_that_lies_elsewhere_is_aligned_unless_told_not_to(made, patient, tmp_path, monkeypatch):
    """Once the box lies on the brain as it did, the map is the same, voxel by voxel, wherever the brain is."""
    larger = np.diag([1.3, 1.2, 1.1, 1])
    larger[:3, 3] = (14, -9, 5)
    write(tmp_path / "moved.nii.gz", volume(patient), larger @ AFFINE)
    monkeypatch.setattr(registration, "aligned_box", lambda scan, frame, mean: larger @ frame.affine)
    how = {}
    for mode in ("auto", "none", "affine"):
        assert made.predict(patient, tmp_path / "moved.nii.gz", tmp_path / mode, "--align", mode).exit_code == 0
        where = {name: tmp_path / mode / name / "anat" for name in ("sub-p", "sub-moved")}
        moved, still = (volume(folder / f"{name}_anomaly.nii.gz") for name, folder in where.items())
        how[mode] = read_sidecar(where["sub-moved"] / "sub-moved_desc-anomaly_mask.json").alignment.how
        if mode == "auto":
            assert np.allclose(moved, still, atol=1e-4)
    assert how == {"auto": "affine", "none": "none", "affine": "affine"}
    monkeypatch.setattr(registration, "aligned_box", lambda *_: None)
    assert made.predict(tmp_path / "moved.nii.gz", tmp_path / "failed").exit_code == 0
    found = read_sidecar(tmp_path / "failed/sub-moved/anat/sub-moved_desc-anomaly_mask.json").alignment
    assert found.how == "failed" and "stays where it lies" in found.why


def test_a_model_that_was_changed_is_refused(made, patient, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made.workspace / "models" / "tiny", copy)
    assert invoke("predict", patient, tmp_path / "out", "--model", copy).exit_code == 0
    manifest = json.loads((copy / "model.json").read_text())
    manifest["thresholds"][0]["value"] += 1
    (copy / "model.json").write_text(json.dumps(manifest))
    answer = invoke("predict", patient, tmp_path / "other", "--model", copy)
    assert answer.exit_code == 2 and "its checksum differs" in answer.output
    assert not (tmp_path / "other").exists()


def test_what_is_written_is_valid_bids(made, patient, tmp_path):
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.exists():
        pytest.skip("bids-validator-deno is not installed")
    bad = write(tmp_path / "bad.nii.gz", np.zeros((4, 4, 4), np.float32))
    assert made.predict(patient, bad, tmp_path / "out").exit_code == 1
    found = subprocess.run([validator, "--json", tmp_path / "out"], capture_output=True, text=True, check=False)
    issues = json.loads(found.stdout)["issues"]["issues"]
    assert [one for one in issues if one["severity"] == "error"] == []


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
def test_workers_of_a_cluster_write_what_one_process_does(made, patient, tmp_path):
    bad = write(tmp_path / "bad.nii.gz", np.zeros((4, 4, 4), np.float32))
    alone = made.predict(patient, made.scans, bad, tmp_path / "alone")
    together = made.predict(patient, made.scans, bad, tmp_path / "together", "--cluster", "local")
    assert (alone.exit_code, together.exit_code) == (1, 1), together.output
    assert "sub-bad is set aside" in together.output and "9 scans predicted;" in together.output
    maps = {path: content for path, content in files(tmp_path / "alone").items() if path.name.endswith(".nii.gz")}
    assert len(maps) == 18 and maps.items() <= files(tmp_path / "together").items()
    again = made.predict(patient, made.scans, bad, tmp_path / "together", "--cluster", "local")
    assert "9 scans predicted, 9 of them before;" in again.output


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
def test_a_scan_whose_worker_dies_is_tried_once_more_and_then_set_aside(made, tmp_path, monkeypatch):
    from bench.cluster.backend import ray_backend
    from bench.cluster.predicting import DIED, answers_of_workers

    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))  # where workers find the model of this test
    tiny = Model.open(made.workspace / "models" / "tiny")
    (tmp_path / "notes").mkdir()
    fragile = FragileModel(tiny.folder, tiny.manifest, tmp_path / "notes")
    asked = Job(Predictions(tmp_path / "out"), fragile, fpr=0.01, align="auto", device="cpu")
    with ray_backend("local", cores=2) as backend:
        predicted = predict([made.scans], asked, SilentReporter(), partial(answers_of_workers, backend))
    others = [f"sub-{k}" for k in range(8) if k != 3]
    assert (sorted(predicted.done), predicted.new) == (others, 7)
    assert predicted.set_aside == {"sub-3": DIED}
    tries = {path.name: len(path.read_text().split()) for path in (tmp_path / "notes").iterdir()}
    assert tries == dict.fromkeys(others, 1) | {"sub-2": 2, "sub-3": 2}
    assert made.predict(made.scans, tmp_path / "alone").exit_code == 0
    alone = {name: content for name, content in files(tmp_path / "alone").items() if name.name.endswith(".nii.gz")}
    assert {name for name in alone if "sub-3" not in str(name)} == {
        name for name, content in files(tmp_path / "out").items() if content == alone.get(name)
    }


def test_a_whole_head_is_found_laid_and_given_back_on_its_own_grid(made, tmp_path, monkeypatch):
    """A brain in a skull, moved and enlarged; deepbet and registration, which have tests of their own, are told."""
    image = brain(100)
    inside = np.any([brain(k) > 0 for k in (*range(8), 100)], axis=0)  # no smaller than any training brain
    head = np.where(inside, image, 700 + np.random.default_rng(0).normal(0, 50, image.shape)).astype(np.float32)
    moved = np.diag([1.1, 1.1, 1.1, 1])
    moved[:3, 3] = (40, -30, 20)
    path = write(tmp_path / "head.nii.gz", head, moved @ AFFINE)
    monkeypatch.setattr("datasets.preparing.heads.found_brain", lambda *_: inside)
    monkeypatch.setattr("datasets.preparing.heads.extraction_name", lambda: "told")
    monkeypatch.setattr("datasets.preparing.heads.check_volume", lambda *_: None)
    monkeypatch.setattr("bench.predicting.head.template_to_scan", lambda scan, template: (moved, 1.0))
    answer = made.predict(path, tmp_path / "out")
    assert answer.exit_code == 0, answer.output
    sidecar = read_sidecar(tmp_path / "out/sub-head/anat/sub-head_desc-anomaly_mask.json")
    assert (sidecar.brain_mask, sidecar.alignment.why) == ("told", "a whole head")
    found = nibabel.load(tmp_path / "out/sub-head/anat/sub-head_anomaly.nii.gz")
    assert np.allclose(found.affine, moved @ AFFINE) and found.shape == head.shape
    assert made.predict(write(tmp_path / "same" / "head.nii.gz", image), tmp_path / "same/out").exit_code == 0
    prepared = volume(tmp_path / "same/out/sub-head/anat/sub-head_anomaly.nii.gz")
    inside &= image > 0
    assert np.corrcoef(np.asarray(found.dataobj)[inside], prepared[inside])[0, 1] > 0.999


def test_a_mask_narrower_than_the_training_brains_is_widened_by_2_mm(made, tmp_path, monkeypatch):
    image = brain(100)
    narrow = ndimage.binary_erosion(image > 0, iterations=2)
    head = np.where(image > 0, image, np.random.default_rng(0).normal(700, 50, image.shape)).astype(np.float32)
    path = write(tmp_path / "head.nii.gz", head)
    monkeypatch.setattr("datasets.preparing.heads.found_brain", lambda *_: narrow)
    monkeypatch.setattr("bench.predicting.head.template_to_scan", lambda scan, template: (np.eye(4), 1.0))
    monkeypatch.setattr("datasets.preparing.heads.check_volume", lambda *_: None)
    assert made.predict(path, tmp_path / "out").exit_code == 0
    sidecar = read_sidecar(tmp_path / "out/sub-head/anat/sub-head_desc-anomaly_mask.json")
    assert sidecar.brain_mask.endswith("widened by 2 mm")
    expected = ndimage.binary_dilation(narrow).sum() * 0.008
    assert sidecar.volumes.brain_ml == pytest.approx(expected, abs=0.06)
