import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from metrics.voxelwise import Ranking, dice, ranking


def test_dice_by_hand():
    a, b = np.zeros((3, 3, 3), dtype=bool), np.zeros((3, 3, 3), dtype=bool)
    a[0, 0, :] = True
    b[0, :, 0] = True
    assert dice(a, b) == pytest.approx(2 * 1 / 6)
    assert dice(a, a) == 1 and dice(a, ~a) == 0
    with pytest.raises(ValueError, match="two empty masks"):
        dice(a & ~a, a & ~a)


def test_ranking_by_hand():
    # Ranked: lesion, other, lesion, other.
    found = ranking(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False]))
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert found.auroc == pytest.approx(3 / 4)
    assert found.best_dice == pytest.approx(2 * 2 / (3 + 2))


def test_all_equal_scores_rank_by_chance():
    labels = np.array([True, False, False, False])
    assert ranking(np.zeros(4), labels) == Ranking(average_precision=0.25, auroc=0.5, best_dice=2 / 5)


def test_undefined_where_a_class_is_missing():
    assert ranking(np.arange(3.0), np.zeros(3, dtype=bool)) == Ranking(None, None, None)
    assert ranking(np.arange(3.0), np.ones(3, dtype=bool)) == Ranking(1.0, None, 1.0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    scores=arrays(np.float64, 30, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0, 3.0, 7.0])),
    labels=arrays(np.bool_, 30),
)
def test_agrees_with_sklearn_and_brute_force(scores, labels):
    labels[:2] = [True, False]
    found = ranking(scores, labels)
    assert found.average_precision == pytest.approx(average_precision_score(labels, scores))
    assert found.auroc == pytest.approx(roc_auc_score(labels, scores))
    assert found.best_dice == pytest.approx(max(dice(scores >= value, labels) for value in scores))
