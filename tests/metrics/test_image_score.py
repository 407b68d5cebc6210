import numpy as np
import pytest

from metrics.image_score import image_score


def test_the_mean_of_the_top_hundredth_by_hand():
    scores = np.arange(1000.0).reshape(10, 10, 10)
    assert image_score(scores, np.ones_like(scores, dtype=bool)) == np.mean(range(990, 1000))
    brain = scores < 150  # 1.5 voxels, rounded up
    assert image_score(scores, brain) == (149 + 148) / 2
    assert image_score(scores, scores == 7) == 7
    assert image_score(scores, brain, share=1.0) == np.mean(range(150))


def test_what_lies_outside_the_brain_does_not_count():
    scores, brain = np.zeros((4, 4, 4)), np.zeros((4, 4, 4), dtype=bool)
    brain[:2] = True
    before = image_score(scores, brain)
    scores[2:] = np.nan
    assert image_score(scores, brain) == before == 0


def test_refuses_an_empty_brain_and_a_share_that_is_none():
    scores = np.zeros((4, 4, 4))
    with pytest.raises(ValueError, match="brain mask is empty"):
        image_score(scores, scores > 0)
    with pytest.raises(ValueError, match=r"within 0..1"):
        image_score(scores, scores == 0, share=0)
