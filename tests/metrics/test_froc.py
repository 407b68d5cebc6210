"""Free-response ROC: by hand, and against the definition, one threshold after the other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from metrics.components import components
from metrics.froc import froc
from metrics.postprocess import ground_truth, segmentation
from metrics.protocol import protocol
from metrics.thresholds import ScoredCase

PAPER, AUTHORS_CODE = protocol("paper"), protocol("authors-code")
SHAPE = (18, 16, 14)
BRAIN = np.zeros(SHAPE, dtype=bool)
BRAIN[1:17, 1:15, 1:13] = True
SPACING_MM = (2.0, 2.0, 2.0)


def plain(cases, thresholds, preset):
    """(lesions found / lesions, false components / cases) at each threshold, by its words."""
    points = []
    for threshold in thresholds:
        found = lesions = false = 0
        for case in cases:
            truth = ground_truth(case.lesion_mask, case.brain_mask, preset)
            prediction = segmentation(case.anomaly_map, case.brain_mask, float(threshold), preset)
            counts = components(prediction, truth, preset.component_connectivity)
            found, lesions = found + sum(counts.found), lesions + len(counts.found)
            false += counts.false
        points.append((found / lesions if lesions else None, false / len(cases)))
    return points


def random_case(seed, smooth, rounded, lesions):
    generator = np.random.default_rng(seed)
    anomaly_map = generator.normal(size=SHAPE)
    if smooth:
        anomaly_map = ndimage.gaussian_filter(anomaly_map, 1)
    truth = np.zeros(SHAPE, dtype=bool)
    for _ in range(lesions):
        corner = generator.integers(SHAPE)
        truth[tuple(slice(a, a + b) for a, b in zip(corner, generator.integers(1, 5, size=3), strict=True))] = True
    anomaly_map = anomaly_map + truth * anomaly_map.std()
    brain = BRAIN & (generator.random(SHAPE) < 0.97)
    return ScoredCase(np.round(anomaly_map, 1) if rounded else anomaly_map, truth, brain, SPACING_MM)


random_cases = st.lists(
    st.builds(random_case, st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.integers(0, 4)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    cases=random_cases,
    preset=st.sampled_from([PAPER, AUTHORS_CODE, replace(PAPER, dilate=False, min_voxels=1, component_connectivity=6)]),
)
def test_all_thresholds_at_once_agree_with_one_after_the_other(cases, preset):
    thresholds = np.linspace(-1, 3, 70)
    points = froc(cases, thresholds, preset)
    assert [(p.sensitivity, p.false_components_per_case) for p in points] == plain(cases, thresholds, preset)


def test_thresholds_must_ascend():
    with pytest.raises(ValueError, match="must ascend"):
        froc([random_case(0, True, False, 1)], np.array([1.0, 0.5]), PAPER)


def test_a_constant_map_without_lesion_counts_nothing():
    case = ScoredCase(np.zeros(SHAPE), np.zeros(SHAPE, dtype=bool), BRAIN, SPACING_MM)
    (point,) = froc([case], np.array([0.0]), PAPER)
    assert (point.sensitivity, point.false_components_per_case) == (None, 0)


def test_froc_by_hand():
    anomaly_map, lesion = np.zeros(SHAPE), np.zeros(SHAPE, dtype=bool)
    lesion[3:6, 3:6, 3:6] = lesion[10:13, 3:6, 3:6] = True
    anomaly_map[3:6, 3:6, 3:6] = 3
    anomaly_map[4:7, 11, 10] = 2
    anomaly_map[10:13, 3:6, 3:6] = 1
    healthy = np.zeros(SHAPE)
    healthy[4:7, 5, 5] = 2
    cases = [
        ScoredCase(anomaly_map, lesion, BRAIN, SPACING_MM),
        ScoredCase(healthy, np.zeros(SHAPE, dtype=bool), BRAIN, SPACING_MM),
    ]
    points = froc(cases, np.array([0.5, 1.5, 2.5, 3.5]), PAPER)
    assert [(p.sensitivity, p.false_components_per_case) for p in points] == [(1, 1), (0.5, 1), (0.5, 0), (0, 0)]
    assert froc(cases[1:], np.array([1.5]), PAPER)[0].sensitivity is None
    with pytest.raises(ValueError, match="at least one case"):
        froc([], np.array([1.5]), PAPER)
