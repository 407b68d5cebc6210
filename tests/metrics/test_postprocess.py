from dataclasses import replace

import numpy as np

from metrics.postprocess import ground_truth, segmentation, without_components
from metrics.protocol import protocol

PAPER, AUTHORS_CODE = protocol("paper"), protocol("authors-code")


def volume(*voxels, shape=(12, 12, 12)):
    mask = np.zeros(shape, dtype=bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


BRAIN = volume((slice(1, 11), slice(1, 11), slice(1, 11)))
LINE = volume((slice(4, 7), 5, 5))  # three voxels in a row
DIAGONAL = volume((4, 4, 5), (5, 5, 5), (6, 6, 5))  # three voxels that share edges


def test_components_are_counted_with_the_connectivity_asked_for():
    for connectivity, kept in ((6, 0), (18, 3), (26, 3)):
        assert without_components(DIAGONAL, connectivity, 3).sum() == kept
    assert without_components(LINE | volume((9, 9, 9)), 6, 2).sum() == 3
    assert without_components(LINE, 6, 4).sum() == 0
    assert not without_components(volume(), 6, 3).any()


def test_components_in_touch_with_forbidden_voxels_go():
    other = volume((slice(4, 7), 9, 9))
    np.testing.assert_array_equal(without_components(LINE | other, 6, 1, volume((4, 9, 9))), LINE)


def test_threshold_is_exceeded_not_reached_and_only_inside_the_brain():
    anomaly_map = np.where(LINE, 2.0, 1.0)
    anomaly_map[0] = 9.0
    bare = replace(PAPER, dilate=False)
    np.testing.assert_array_equal(segmentation(anomaly_map, BRAIN, 1.0, bare), LINE)
    assert not segmentation(anomaly_map, BRAIN, 2.0, bare).any()


def test_single_precision_maps_are_compared_in_double_precision():
    anomaly_map = np.where(LINE, np.float32(0.1), np.float32(0))  # float32(0.1) is larger than 0.1
    assert segmentation(anomaly_map, BRAIN, 0.1, replace(PAPER, dilate=False)).sum() == 3


def test_dilation_stays_inside_the_brain_for_the_paper_only():
    corner = volume((slice(1, 4), 1, 1))
    paper = segmentation(corner.astype(float), BRAIN, 0.5, PAPER)
    assert paper.sum() == 3 + 1 + 6 and not (paper & ~BRAIN).any()
    anywhere = segmentation(corner.astype(float), BRAIN, 0.5, replace(PAPER, dilate_inside_brain=False))
    assert anywhere.sum() == 3 + 2 + 12


def test_authors_code_drops_the_rim_and_searches_with_smaller_components():
    inside, pair = volume((slice(4, 7), 5, 5)), volume((5, 8, 8), (6, 8, 8))
    at_rim = volume((slice(4, 7), 2, 5))
    anomaly_map = (inside | pair | at_rim).astype(float)
    scoring = segmentation(anomaly_map, BRAIN, 0.5, AUTHORS_CODE)
    searching = segmentation(anomaly_map, BRAIN, 0.5, AUTHORS_CODE, searching=True)
    assert scoring.sum() == 5 + 3 * 4 and not (scoring & at_rim).any()
    assert searching.sum() == scoring.sum() + 4 + 2 * 4


def test_ground_truth_is_cleaned_for_authors_code_only_and_never_dilated():
    truth = LINE | volume((9, 5, 5)) | volume((slice(4, 9), 1, 5))
    np.testing.assert_array_equal(ground_truth(truth, BRAIN, PAPER), truth)
    np.testing.assert_array_equal(ground_truth(truth, BRAIN, AUTHORS_CODE), LINE)
