from dataclasses import replace

import nibabel
import numpy as np
import pytest

from datasets.preparing import registration
from datasets.preparing.preparation import Frame, Scan, extent, prepare, to_native, training_frame
from datasets.preparing.registration import aligned_box, likeness, mean_brain

SHAPE = (60, 70, 56)
AFFINE = np.array([[2.0, 0, 0, -59], [0, 2, 0, -69], [0, 0, 2, -55], [0, 0, 0, 1]])
RADII_MM = np.array([45.0, 56.0, 40.0])
BLOB_MM = np.array([20.0, -15.0, 12.0])


def world_mm() -> np.ndarray:
    return np.moveaxis(np.indices(SHAPE), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]


def brain(seed: int = 0) -> Scan:
    """An ellipsoid with dark fluid at its rim, grey and white matter, ventricles off its middle, and some noise."""
    points = world_mm()
    radius = np.linalg.norm(points / RADII_MM, axis=-1)
    image = np.select([radius < 0.65, radius < 0.88, radius <= 1], [900.0, 600.0, 200.0])
    for centre in ([12, 10, 5], [-12, 10, 5], [0, -30, -15]):
        image[np.linalg.norm((points - centre) / [6, 16, 8], axis=-1) < 1] = 200
    noise = np.random.default_rng(seed).normal(0, 20, SHAPE)
    mask = radius <= 1
    image = np.where(mask, np.maximum(image + noise, 1), 0).astype(np.float32)
    return Scan(f"sub-{seed}", image[None], mask, None, AFFINE, ("T1w",))


def moved(scan: Scan, by: np.ndarray) -> Scan:
    """The same voxels elsewhere in space."""
    return replace(scan, affine=by @ scan.affine)


def placement(scale, degrees: float, shift_mm) -> np.ndarray:
    """A rotation about x after a scale along each axis, and a shift."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    result = np.eye(4)
    result[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag(scale)
    result[:3, 3] = shift_mm
    return result


@pytest.fixture(scope="module")
def frame() -> Frame:
    scan = brain()
    return training_frame([extent(scan.brain_mask, scan.affine)])


@pytest.fixture(scope="module")
def mean(frame):
    return mean_brain([prepare(brain(seed), frame) for seed in range(3)])


def test_mean_brain_by_hand(frame):
    case = prepare(brain(), frame)
    darker = replace(case, image=case.image * 0 - 1)
    mean = mean_brain([case, darker])
    assert mean.image == pytest.approx((case.image[0] + 1) / 4, abs=1e-6)
    assert not (mean.inside & ~case.brain_mask).any()
    assert 0.6 < mean.inside.sum() / case.brain_mask.sum() < 0.9


@pytest.mark.parametrize(
    ("scale", "degrees", "shift_mm"),
    [((1, 1, 1), 0, (0, 0, 0)), ((0.8, 0.85, 0.9), 0, (5, -9, 3)), ((1.2, 1.1, 1.15), 15, (30, -20, 25))],
)
def test_known_affines_are_recovered(frame, mean, scale, degrees, shift_mm):
    true = placement(scale, degrees, shift_mm)
    found = aligned_box(moved(brain(7), true), Frame(frame.shape, None), mean)
    if scale == (1, 1, 1) and found is None:  # it lies best where it lies
        return
    points = np.argwhere(mean.inside)
    points = np.c_[points, np.ones(len(points))]
    errors_mm = np.linalg.norm((points @ (found - true @ frame.affine).T)[:, :3], axis=1)
    assert errors_mm.mean() < 1
    assert errors_mm.max() < 3


def test_a_tighter_brain_mask_changes_little(frame, mean):
    true = placement((0.85, 0.85, 0.85), 8, (0, 0, 0))
    loose = moved(brain(7), true)
    radius = np.linalg.norm(world_mm() / RADII_MM, axis=-1)
    tight = replace(loose, brain_mask=radius <= 0.9)  # most of the fluid around it is gone
    points = np.argwhere(mean.inside)
    points = np.c_[points, np.ones(len(points))]
    apart = points @ (aligned_box(loose, frame, mean) - aligned_box(tight, frame, mean)).T
    assert np.linalg.norm(apart[:, :3], axis=1).mean() < 1


def test_the_same_scan_gives_the_same_box(frame, mean):
    scan = moved(brain(7), placement((0.9, 0.9, 0.9), 10, (4, 4, 4)))
    assert np.array_equal(aligned_box(scan, frame, mean), aligned_box(scan, frame, mean))


def test_a_blob_comes_back_to_its_place(frame, mean):
    scan = moved(brain(7), placement((0.8, 0.85, 0.9), 12, (10, 0, -5)))
    blob = np.linalg.norm(world_mm() - BLOB_MM, axis=-1) <= 8
    case = prepare(replace(scan, lesion_mask=blob), frame, aligned_box(scan, frame, mean))
    assert nibabel.aff2axcodes(case.affine) == ("R", "A", "S")
    assert case.spacing_mm == pytest.approx((1.6, 1.7, 1.8), abs=0.05)
    in_training_space = np.argwhere(case.lesion_mask).mean(0) @ frame.affine[:3, :3].T + frame.affine[:3, 3]
    assert in_training_space == pytest.approx(BLOB_MM, abs=1.5)
    back = to_native(case.lesion_mask.astype(np.float32), case) > 0.5
    assert back.shape == SHAPE
    assert 2 * (back & blob).sum() / (back.sum() + blob.sum()) > 0.9


def test_what_is_not_to_be_believed_is_refused(frame, mean, monkeypatch):
    scan = moved(brain(7), placement((0.85, 0.85, 0.85), 0, (0, 0, 0)))
    assert aligned_box(scan, frame, mean) is not None
    for wrong in (None, np.diag([2.0, 2, 2, 1]), np.diag([-1.0, 1, 1, 1]), placement((1, 1, 1), 0, (50, 0, 0))):
        monkeypatch.setattr(registration, "registered", lambda *_, wrong=wrong: wrong)
        assert aligned_box(scan, frame, mean) is None


def test_likeness_is_higher_after_alignment(frame, mean):
    scan = moved(brain(7), placement((0.8, 0.8, 0.8), 10, (0, 0, 0)))
    unaligned = prepare(scan, frame)
    before = likeness(unaligned, unaligned.affine, mean)
    assert before == pytest.approx(np.corrcoef(unaligned.image[0][mean.inside], mean.image[mean.inside])[0, 1])
    assert likeness(unaligned, aligned_box(scan, frame, mean), mean) > before + 0.1
    far_away = unaligned.affine + 500 * np.eye(4, k=3)
    assert np.isnan(likeness(unaligned, far_away, mean))
