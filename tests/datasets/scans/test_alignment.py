import logging
from pathlib import Path

import numpy as np
import pytest

from datasets.case import NativeGrid
from datasets.preparing import registration
from datasets.preparing.preparation import Extent
from datasets.scans.alignment import Home, bounds_mm, lies_elsewhere

DATA = Path(__file__).parents[4] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="real data not here")
AFFINE = np.array([[2.0, 0, 0, -80], [0, 2, 0, -100], [0, 0, 2, -70], [0, 0, 0, 1]])
GRID = NativeGrid((80, 100, 80), AFFINE)
TRAINING = [Extent(GRID, (10, 10, 10), (69, 89, 69)), Extent(GRID, (8, 10, 10), (69, 89, 72))]


@pytest.fixture
def patients(cohort, tmp_path):
    """A folder beside the healthy one; its only brain lies on the same grid but is half as large."""
    folder = type(cohort)(tmp_path / "patients")
    small = np.zeros(folder.shape, np.float32)
    small[3:11, 4:13, 3:10] = folder.brain(60)[8:16, 9:18, 6:13]
    for what in ("T1w", "T2w"):
        folder.write(folder.path("sub-ms", what), small + (what == "T2w") * (small > 0))
    lesion = np.zeros(folder.shape, np.uint8)
    lesion[6:8, 7:9, 5:7] = 1
    folder.write(folder.path("sub-ms", "label-lesion_mask"), lesion)
    return folder


def test_bounds_by_hand():
    assert bounds_mm(TRAINING[0]).tolist() == [[-60, -80, -50], [58, 78, 68]]
    flipped = NativeGrid(GRID.shape, AFFINE * [[-1], [1], [1], [1]])
    assert bounds_mm(Extent(flipped, (10, 10, 10), (69, 89, 69))).tolist() == [[-58, -80, -50], [60, 78, 68]]


@pytest.mark.parametrize(
    ("grid", "near", "far"),
    [(GRID, (2, 8, 10, 16), (1, 17)), (NativeGrid((81, 100, 80), AFFINE), (6, 8, 10, 12), (5, 13))],
)
def test_a_side_may_lie_twelve_mm_beyond_on_the_same_grid_and_five_on_another(grid, near, far):
    for first_x in (*near, *far):
        brain = Extent(grid, (first_x, 10, 10), (69, 89, 70))
        assert lies_elsewhere(brain, Home.of(TRAINING)) is (first_x in far)


def test_where_nothing_is_aligned_fingerprints_and_cases_are_those_of_none(cohort, load):
    auto, none = (load(cohort.root, align=mode) for mode in ("auto", "none"))
    assert load(cohort.root).fingerprint == auto.fingerprint
    assert auto.training_fingerprint == none.training_fingerprint
    assert auto.fingerprint == none.fingerprint
    assert auto.test._keys == none.test._keys  # type: ignore[attr-defined]
    assert "aligned" not in auto.description


def test_only_the_patient_is_aligned(cohort, patients, load, monkeypatch, tmp_path):
    none = load(patients.root, train_root=cohort.root, align="none")
    auto = load(patients.root, train_root=cohort.root)
    assert auto.description["aligned"].startswith("sub-ms, to the mean of the training brains")
    assert auto.training_fingerprint == none.training_fingerprint
    assert auto.fingerprint != none.fingerprint
    assert auto.train._keys == none.train._keys  # type: ignore[attr-defined]
    box = np.diag([1.0, 1.1, 0.9, 1.0])
    box[:3, 3] = none.test[0].affine[:3, 3]
    monkeypatch.setattr(registration, "aligned_box", lambda *_: box)
    assert np.array_equal(auto.test[0].affine, box)
    monkeypatch.setattr(registration, "aligned_box", None)  # would fail if called: kept
    for path in (tmp_path / "cache" / "cases").glob("*"):
        path.unlink()
    assert np.array_equal(auto.test[0].affine, box)


def test_where_alignment_fails_the_scan_stays_and_a_sentence_says_so(cohort, patients, load, monkeypatch, caplog):
    monkeypatch.setattr(registration, "aligned_box", lambda *_: None)
    auto = load(patients.root, train_root=cohort.root)
    with caplog.at_level(logging.WARNING):
        case = auto.test[0]
    assert "sub-ms cannot be aligned to the training brains and stays where it lies." in caplog.text
    none = load(patients.root, train_root=cohort.root, align="none")
    assert np.array_equal(case.image, none.test[0].image)


def test_all_scans_are_aligned_on_request_in_spaces_of_their_own_too(cohort, load, monkeypatch):
    away = cohort.affine + np.array([[0, 0, 0, 30.0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    for k in range(5):
        for what, seed in (("T1w", k), ("T2w", k + 1000)):
            cohort.write(cohort.path(f"sub-{k:02d}", what), cohort.brain(seed), away)
    assert "aligned" not in load(cohort.root).description  # auto: no place is the right one
    none = load(cohort.root, align="none")
    everyone = load(cohort.root, align="affine")
    assert everyone.description["aligned"].startswith("all 10 scans")
    assert everyone.training_fingerprint != none.training_fingerprint
    monkeypatch.setattr(registration, "aligned_box", lambda scan, frame, mean: scan.affine * 1.0)
    assert np.array_equal(everyone.train[0].affine, everyone.train[0].native.affine)


@needs_data
def test_real_healthy_subjects_of_one_template_are_never_aligned_and_the_patient_is(load, tmp_path):
    healthy = tmp_path / "healthy"
    healthy.mkdir()
    for subject in sorted((DATA / "ixi-t1-2mm").glob("sub-*"))[:16]:
        (healthy / subject.name).symlink_to(subject)
    for seed in range(3):
        assert "aligned" not in load(healthy, seed=seed).description
    auto = load(DATA / "open-ms-1mm", train_root=healthy)
    none = load(DATA / "open-ms-1mm", train_root=healthy, align="none")
    assert auto.description["aligned"].startswith("sub-26, ")
    aligned, unaligned = auto.test[0], none.test[0]
    mean = registration.mean_brain(auto.train)
    likeness = [registration.likeness(case, case.affine, mean) for case in (aligned, unaligned)]
    assert likeness[0] > likeness[1] + 0.05
    assert all(0.8 < mm / 2 < 0.97 for mm in aligned.spacing_mm)
