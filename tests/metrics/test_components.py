import numpy as np
import pytest

from metrics.components import components, detection_rates
from metrics.protocol import protocol

PAPER, AUTHORS_CODE = protocol("paper"), protocol("authors-code")


def blocks(*begins, size=2, shape=(40, 6, 6)):
    mask = np.zeros(shape, dtype=bool)
    for begin in begins:
        mask[begin : begin + size, 1:3, 1:3] = True
    return mask


def test_two_predictions_on_one_lesion_one_missed_one_false():
    truth = blocks(2, size=8) | blocks(20, size=3)
    prediction = blocks(3) | blocks(7) | blocks(30)
    counts = components(prediction, truth, 26)
    assert (counts.predicted, counts.touching, counts.false, counts.missed) == (3, 2, 1, 1)
    assert counts.lesion_voxels == (32, 12) and counts.found == (True, False)
    # The paper counts the two predicted components as two true positives, the authors' code one found lesion.
    assert detection_rates(counts, PAPER) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert detection_rates(counts, AUTHORS_CODE) == pytest.approx((1 / 2, 1 / 2, 1 / 2))


def test_one_prediction_over_two_lesions():
    counts = components(blocks(2, size=12), blocks(2) | blocks(10), 26)
    assert detection_rates(counts, PAPER) == (1, 1, 1)
    assert detection_rates(counts, AUTHORS_CODE) == (1, 1, 1)
    assert counts.found == (True, True) and counts.touching == 1


def test_touching_means_sharing_a_voxel():
    counts = components(blocks(4), blocks(2), 26)  # side by side
    assert counts.touching == 0 and counts.found == (False,)
    assert detection_rates(counts, PAPER) == (0, 0, 0)


def test_connectivity():
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert [components(mask, mask, connectivity).predicted for connectivity in (6, 18, 26)] == [2, 2, 1]


def test_empty_masks():
    counts = components(blocks(), blocks(), 26)
    assert (counts.predicted, counts.touching, counts.found) == (0, 0, ())
    assert components(blocks(3), blocks(), 26).false == 1
