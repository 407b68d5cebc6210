"""One rule for "the same grid"."""

import numpy as np
import pytest

from bench.errors import BenchError
from datasets.preparing.grids import SAME_VOXELS_OF_MASKS, check_same_grid, same_grid, whole_voxel_transform

SHAPE = (11, 21, 31)
AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 2, -30], [0, 0, 0, 1]])


def moved(mm=0.0, stretch=1.0):
    affine = AFFINE.copy()
    affine[0, 3] += mm
    affine[2, 2] *= stretch
    return affine


@pytest.mark.parametrize(
    ("affine", "tolerance", "expected"),
    [
        (moved(), {}, True),
        (moved(mm=0.08), {}, True),  # 0.04 voxels
        (moved(mm=0.12), {}, False),  # 0.06
        (moved(stretch=1.001), {}, True),  # 0.03 voxels at the last of 31
        (moved(stretch=1.002), {}, False),
        (moved(mm=0.9), {"tolerance_voxels": SAME_VOXELS_OF_MASKS}, True),
        (moved(mm=1.1), {"tolerance_voxels": SAME_VOXELS_OF_MASKS}, False),
        (AFFINE[[1, 0, 2, 3]], {}, False),
    ],
)
def test_no_voxel_may_lie_elsewhere(affine, tolerance, expected):
    assert same_grid(SHAPE, AFFINE, SHAPE, affine, **tolerance) is expected
    assert not same_grid(SHAPE, AFFINE, (11, 21, 30), affine, **tolerance)


def test_the_sentences_name_both():
    check_same_grid("a.nii", SHAPE, AFFINE, "b.nii", SHAPE, AFFINE)
    with pytest.raises(BenchError, match=r"^a.nii has the shape \(11, 21, 31\), but b.nii has \(1, 2, 3\): resample"):
        check_same_grid("a.nii", SHAPE, AFFINE, "b.nii", (1, 2, 3), AFFINE)
    with pytest.raises(BenchError, match=r"has the affine \[2 0 0 -10; .*\], but b.nii has \[2 0 0 -8; .*\]: resample"):
        check_same_grid("a.nii", SHAPE, AFFINE, "b.nii", SHAPE, moved(mm=2))


def test_whole_voxel_transforms_flip_permute_and_shift():
    turned = np.array([[0, 1.0, 0, 3.001], [-1, 0, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert np.array_equal(whole_voxel_transform(turned, SHAPE), np.round(turned))
    assert whole_voxel_transform(turned + 0.1, SHAPE) is None
    assert whole_voxel_transform(np.diag([2.0, 1, 1, 1]), SHAPE) is None
