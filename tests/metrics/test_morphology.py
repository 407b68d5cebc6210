import numpy as np
import pytest
from scipy import ndimage

from metrics.morphology import bounding_box, diagonal, dilated, neighbours, rim, surface

MASKS = [np.random.default_rng(seed).random((7, 6, 5)) < share for seed, share in enumerate((0.05, 0.5, 0.95))]


@pytest.mark.parametrize("mask", MASKS)
def test_dilation_and_surface_are_those_of_scipy(mask):
    np.testing.assert_array_equal(dilated(mask), ndimage.binary_dilation(mask))
    np.testing.assert_array_equal(surface(mask), mask & ~ndimage.binary_erosion(mask))


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_rim_is_the_mask_minus_its_erosion_by_a_ball(radius, seed):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(16, 15, 14)), 2)
    brain = smooth > np.quantile(smooth, 0.3)
    steps = np.indices((2 * radius + 1,) * 3) - radius
    ball = (steps**2).sum(axis=0) <= radius**2
    expected = brain & ~ndimage.binary_erosion(brain, ball, border_value=1)
    np.testing.assert_array_equal(rim(brain, radius), expected)
    assert expected.any() and (brain & ~expected).any()


def test_rim_ignores_the_border_of_the_array():
    assert not rim(np.ones((5, 5, 5), dtype=bool), 2).any()
    assert not rim(MASKS[1], 0).any()


def test_neighbours_share_a_face_an_edge_or_a_corner():
    for connectivity, most in ((6, 1), (18, 2), (26, 3)):
        offsets = neighbours(connectivity)
        assert len({tuple(offset) for offset in offsets}) == connectivity
        differing = np.abs(offsets).sum(axis=1)
        assert differing.min() == 1 and differing.max() == most


def test_bounding_box_and_its_diagonal():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2, 3, 4] = mask[4, 6, 8] = True
    assert bounding_box(mask) == (slice(2, 5), slice(3, 7), slice(4, 9))
    assert mask[bounding_box(mask, margin=3)].shape == (8, 9, 8)
    assert diagonal(mask, (1, 1, 1)) == pytest.approx(np.sqrt(9 + 16 + 25))
    assert diagonal(mask, (2, 3, 1)) == pytest.approx(np.sqrt(36 + 144 + 25))
