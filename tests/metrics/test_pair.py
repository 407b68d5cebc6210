"""What metrics share is computed once, and only when asked for."""

import numpy as np
import pytest

import metrics.pair
from metrics.metric import Metric
from metrics.pair import Pair
from metrics.protocol import protocol

BRAIN = np.ones((12, 12, 12), dtype=bool)
LESION = np.zeros_like(BRAIN)
LESION[4:7, 4:7, 4:7] = True


def pair(prediction=LESION, truth=LESION, spacing_mm=(2.0, 2.0, 2.0), preset="paper"):
    return Pair(prediction, truth, LESION.astype(float), BRAIN, spacing_mm, protocol(preset))


@pytest.mark.parametrize(("spacing_mm", "transforms"), [((2.0, 2.0, 2.0), 1), ((1.0, 1.0, 3.0), 2)])
def test_distances_are_computed_once(monkeypatch, spacing_mm, transforms):
    real, calls = metrics.pair.surface_distances, []
    monkeypatch.setattr(metrics.pair, "surface_distances", lambda *given: calls.append(given) or real(*given))
    one = pair(spacing_mm=spacing_mm)
    assert calls == []
    for _ in range(2):
        assert one.distances_voxel.symmetric_mean() == one.distances_mm.symmetric_mean() == 0
    assert len(calls) == transforms


def test_other_metrics_may_share_too():
    calls = []

    def compute(of):
        calls.append(of)
        return len(calls)

    one, other = pair(), pair()
    assert (one.once(compute), one.once(compute), other.once(compute)) == (1, 1, 2)
    assert calls == [one, other]


def metric(**changes):
    values = {
        "name": "made",
        "title": "Made",
        "unit": "mm",
        "direction": "lower",
        "empty_prediction": "brain diagonal",
        "empty_truth": None,
        "description": "made up",
        "value": lambda pair: 1.0,
    }
    return Metric(**{**values, **changes})


def test_empty_masks_are_data():
    missed, healthy = pair(prediction=~BRAIN), pair(truth=~BRAIN)
    assert metric().of(pair()) == 1 and metric().of(healthy) is None
    assert metric().of(missed) == pytest.approx(2 * 12 * np.sqrt(3))
    assert metric(unit="voxel").of(missed) == pytest.approx(12 * np.sqrt(3))
    assert metric(empty_prediction=0.5).of(missed) == 0.5
    assert metric(empty_prediction=0.5).of(pair(prediction=~BRAIN, preset="authors-code")) is None
    assert metric(empty_prediction="independent").of(missed) == 1
    assert metric(empty_prediction="counted", empty_truth="counted").of(healthy) == 1
    with pytest.raises(ValueError, match=r'made: a "brain diagonal" is in voxel or mm, not in "ml"'):
        metric(unit="ml")
