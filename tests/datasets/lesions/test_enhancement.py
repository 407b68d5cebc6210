"""Enhancement: a factor on the lesion voxels of the prepared image, nothing clipped."""

import numpy as np
import pytest

from datasets.case import Case
from datasets.lesions.enhancement import enhanced_case, enhanced_scan
from datasets.lesions.sets import NAMES
from datasets.lesions.settings import LesionSettings
from datasets.preparing.preparation import Frame, Scan, prepare

PAPER = LesionSettings()
SHAPE = (48, 48, 48)
BRAIN = np.linalg.norm(np.indices(SHAPE) - 23.5, axis=0) < 20
LESION = np.zeros(SHAPE, dtype=bool)
LESION[20:24, 20:24, 20:24] = True
AFFINE = np.diag([2.0, 2, 2, 1])


@pytest.fixture
def scan():
    """Intensities 100 to 1000 in the brain, background 0; its lesion is as bright as the upper half."""
    image = np.random.default_rng(0).uniform(100, 1000, SHAPE)
    image[LESION] = np.linspace(560, 1000, LESION.sum())
    return Scan("sub-1", (image * BRAIN).astype(np.float32)[None], BRAIN, LESION, AFFINE, ("T1w",))


def test_a_case_by_hand():
    image = np.full((1, 5, 1, 1), -1, np.float32)
    image[0, 1:4, 0, 0] = [1.0, -0.8, 0.5]
    brain = np.array([0, 1, 1, 1, 0], dtype=bool).reshape(5, 1, 1)
    lesion = np.array([1, 1, 1, 0, 0], dtype=bool).reshape(5, 1, 1)  # one voxel is outside the brain
    case = Case("sub-1", image, brain, lesion, np.eye(4), ("T1w",))
    found = enhanced_case(case, PAPER)
    np.testing.assert_allclose(found.image[0, :, 0, 0], [-1, 1.5, -1.2, 0.5, -1])
    assert image[0, 1, 0, 0] == 1 and found.image.dtype == np.float32
    assert enhanced_case(case, LesionSettings(enhancement=3)).image.max() == 3


@pytest.mark.parametrize("name", NAMES)
def test_only_the_set_paper_is_enhanced(name, scan):
    settings = LesionSettings(set=name)
    case = prepare(scan, Frame(SHAPE, AFFINE))
    assert settings.largest == (1.5 if name == "paper" else 1.0)
    assert (enhanced_case(case, settings) is case) == (name != "paper")
    assert (enhanced_scan(scan, settings) is scan) == (name != "paper")


def test_without_a_lesion_mask_nothing_changes(scan):
    case = prepare(scan, Frame(SHAPE, AFFINE)).without_lesion_mask()
    assert enhanced_case(case, PAPER) is case


def test_a_scan_is_enhanced_on_its_own_scale_and_not_clipped(scan):
    before, after = scan.images[0], enhanced_scan(scan, PAPER).images[0]
    low, high = 0.0, np.percentile(before, 99.9)
    expected = (np.clip(before[LESION], low, high) - low) / (high - low) * 2 - 1
    np.testing.assert_allclose((after[LESION] - low) / (high - low) * 2 - 1, 1.5 * expected, atol=1e-5)
    assert np.array_equal(after[~LESION], before[~LESION])
    assert after.max() > 1.2 * before.max() and before.max() == scan.images.max()


def test_a_written_scan_is_prepared_to_nearly_the_same(scan):
    """The lesion is 0.06 % of the box: the percentiles stay in place, and what is brighter than 1 is clipped."""
    frame = Frame(SHAPE, AFFINE)
    ours = enhanced_case(prepare(scan, frame), PAPER).image[0]
    theirs = prepare(enhanced_scan(scan, PAPER), frame).image[0]
    np.testing.assert_allclose(theirs[LESION], np.clip(ours[LESION], -1, 1), atol=0.02)
    np.testing.assert_allclose(theirs[~LESION], ours[~LESION], atol=0.02)
