"""From a raw head to the template and back: what was planted comes back to its place."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage

from bench.errors import BenchError
from datasets.preparing.heads import HeadSettings, PreparedHead, Transforms, onto_raw, prepared_head, read_head
from datasets.preparing.template import icbm152
from datasets.scans.bids_layout import SubjectFiles, find_subjects
from tests.datasets.raw_heads import SPACING_MM, RawHead

SHARED = Path(__file__).parents[4] / "shared" / "data"
LANDMARKS_MM = np.array([[-36.0, 20, 12], [28, -60, 8], [0, -18, 40], [44, -12, -22]])  # in the template


@pytest.fixture(scope="module")
def prepared(raw_head: RawHead, tmp_path_factory) -> PreparedHead:
    root = tmp_path_factory.mktemp("raw")
    raw_head.write(root, "sub-01", "desc-brain_mask", "T2w")
    return prepared_head(find_subjects(root).subjects[0])


def points_apart_mm(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    points = np.c_[LANDMARKS_MM, np.ones(4)]
    return np.linalg.norm((points @ (one - other).T)[:, :3], axis=1)


def test_transforms_are_those_that_were_made(prepared, raw_head):
    transforms = prepared.transforms
    assert points_apart_mm(np.array(transforms.template_to_first), raw_head.placement).max() < 1.5
    assert points_apart_mm(transforms.first_to_raw("T2w"), raw_head.t2w_shift).max() < 1.0
    assert points_apart_mm(transforms.to_raw("T2w"), raw_head.t2w_shift @ raw_head.placement).max() < 2.0
    rigid = transforms.first_to_raw("T2w")[:3, :3]
    assert np.allclose(rigid @ rigid.T, np.eye(3), atol=1e-6)


def test_the_prepared_scan_lies_on_the_template(prepared):
    scan, template = prepared.scan, icbm152()
    assert scan.images.shape == (2, 99, 117, 95) and scan.channels == ("T1w", "T2w")
    assert np.array_equal(scan.affine, template.affine) and prepared.likeness > 0.95
    assert not scan.images[:, ~scan.brain_mask].any()
    overlap = 2 * (scan.brain_mask & template.brain_mask).sum() / (scan.brain_mask.sum() + template.brain_mask.sum())
    assert overlap > 0.97
    t1w, t2w = (image[ndimage.binary_erosion(scan.brain_mask, iterations=3)] for image in scan.images)
    assert np.corrcoef(t1w, t2w)[0, 1] < -0.9  # T2w was made as the negative


def test_the_bias_field_is_gone_and_stays_where_that_is_wanted(raw_head, prepared, tmp_path):
    raw_head.write(tmp_path)
    shaded = prepared_head(find_subjects(tmp_path).subjects[0], HeadSettings(bias_correction=False))
    template = icbm152()
    slopes = []
    for head in (shaded, prepared):
        both = head.scan.brain_mask & template.brain_mask
        ratio = head.scan.images[0][both] / (0.15 + 0.85 * template.image[both])
        slopes.append(np.polyfit(np.argwhere(both)[:, 1] / 117, ratio / ratio.mean(), 1)[0])
    assert abs(slopes[0]) > 0.3 and abs(slopes[1]) < 0.1


@pytest.mark.parametrize("channel", ["T1w", "T2w"])
def test_a_landmark_planted_in_the_raw_scan_returns_within_a_voxel(raw_head, prepared, channel):
    affine, transforms = raw_head.affines[channel], prepared.transforms
    for landmark_mm in LANDMARKS_MM:
        placed = raw_head.placement if channel == "T1w" else raw_head.t2w_shift @ raw_head.placement
        planted_mm = (placed @ [*landmark_mm, 1])[:3]
        points_mm = np.moveaxis(np.indices(raw_head.images[channel].shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
        blob = np.linalg.norm(points_mm - planted_mm, axis=-1) < 6
        laid = apply_affine(np.linalg.inv(transforms.to_raw(channel)), points_mm[blob]).mean(axis=0)
        on_template = np.linalg.norm(
            np.moveaxis(np.indices(icbm152().image.shape), 0, -1) * 2 + icbm152().affine[:3, 3] - laid, axis=-1
        )
        for volume in (on_template < 6, np.maximum(0, 8 - on_template).astype(np.float32)):  # a mask, a map
            back = onto_raw(volume, icbm152().affine, transforms, channel)
            assert back.shape == raw_head.images[channel].shape and back.dtype == volume.dtype
            middle = np.average(points_mm.reshape(-1, 3), axis=0, weights=back.ravel().astype(float))
            assert np.linalg.norm(middle - planted_mm) < SPACING_MM / 2


def test_transforms_survive_being_written(prepared):
    again = Transforms.model_validate_json(prepared.transforms.model_dump_json())
    assert again == prepared.transforms and np.array_equal(again.to_raw("T2w"), prepared.transforms.to_raw("T2w"))


def test_a_brain_that_was_extracted_before_needs_no_mask(raw_head, tmp_path):
    path = tmp_path / "sub-01_T1w.nii.gz"
    brain = np.where(raw_head.brain_mask, raw_head.images["T1w"], 0)
    nibabel.save(nibabel.Nifti1Image(brain, raw_head.affines["T1w"]), path)
    head = read_head(SubjectFiles("sub-01", {"T1w": path}), HeadSettings(bias_correction=False))
    assert head.extraction == "extracted before" and np.array_equal(head.brain_mask, raw_head.brain_mask)


def test_without_deepbet_a_whole_head_is_refused_in_a_sentence(raw_head, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.preparing.brain.find_spec", lambda name: None)
    raw_head.write(tmp_path, mask=None)
    with pytest.raises(BenchError, match=r"is a whole head, and deepbet, .*, is not installed: `pip install .*prepare"):
        prepared_head(find_subjects(tmp_path).subjects[0])


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "ixi-raw-head").exists(), reason="needs ../shared/data")
def test_a_real_head_becomes_what_its_own_prepared_scan_is():
    pytest.importorskip("deepbet")
    files = find_subjects(SHARED / "ixi-raw-head").subjects[0]
    found = prepared_head(files, HeadSettings(bias_correction=False))
    ours = find_subjects(SHARED / "ixi-t1-2mm").subjects[0]
    assert ours.id == files.id
    theirs = nibabel.load(ours.images["T1w"])
    assert theirs.shape == found.scan.brain_mask.shape and np.allclose(theirs.affine, found.scan.affine)
    image = theirs.get_fdata()
    both = found.scan.brain_mask & (image > 0)
    assert np.corrcoef(found.scan.images[0][both], image[both])[0, 1] > 0.9  # 0.92 to 0.97 in four subjects
    assert 2 * both.sum() / (found.scan.brain_mask.sum() + (image > 0).sum()) > 0.88
    assert found.head.extraction.startswith("deepbet") and 1500 < found.head.brain_ml < 1750
