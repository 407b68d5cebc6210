from dataclasses import replace

import numpy as np
import pytest

from metrics.evaluate import evaluate_case
from metrics.protocol import protocol
from metrics.thresholds import ScoredCase, dataset_threshold, healthy_threshold, pooled_candidates

PAPER = protocol("paper")
SHAPE = (18, 16, 14)
BRAIN = np.zeros(SHAPE, dtype=bool)
BRAIN[1:17, 1:15, 1:13] = True
SPACING_MM = (2.0, 2.0, 2.0)


def scored_case(seed, lesion=True):
    generator = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, dtype=bool)
    if lesion:
        x, y, z = generator.integers(3, 9, size=3)
        mask[x : x + 4, y : y + 3, z : z + 3] = True
    return ScoredCase(generator.normal(size=SHAPE) + 3 * mask, mask, BRAIN, SPACING_MM)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_healthy_threshold_is_exceeded_by_at_most_the_rate(rate):
    maps = [np.random.default_rng(seed).normal(size=SHAPE) for seed in range(3)]
    threshold = healthy_threshold(maps, [BRAIN] * 3, rate)
    exceeding = np.mean([(anomaly_map > threshold)[BRAIN].mean() for anomaly_map in maps])
    assert rate - 2 / BRAIN.sum() <= exceeding <= rate


def test_healthy_threshold_by_hand():
    line = np.ones((10, 1, 1), dtype=bool)
    values = np.arange(10.0).reshape(line.shape)
    assert healthy_threshold([values], [line], 0.1) == 9.0  # nine values of ten may not exceed it: none does
    assert healthy_threshold([values], [line], 0.3) == 7.0
    assert healthy_threshold([values], [line], 0.0) == 9.0
    assert healthy_threshold([np.full_like(values, 2.0)], [line], 0.05) == 2.0


def test_healthy_threshold_ignores_everything_outside_the_brain():
    healthy = np.random.default_rng(0).normal(size=SHAPE)
    expected = healthy_threshold([healthy], [BRAIN], 0.05)
    assert healthy_threshold([np.where(BRAIN, healthy, np.nan)], [BRAIN], 0.05) == expected


def test_healthy_threshold_refuses_bad_input():
    with pytest.raises(ValueError, match="at least one healthy map"):
        healthy_threshold([], [], 0.05)
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        healthy_threshold([np.zeros(SHAPE)], [BRAIN], 5)
    with pytest.raises(ValueError, match="NaN"):
        healthy_threshold([np.full(SHAPE, np.nan)], [BRAIN], 0.05)


@pytest.mark.parametrize("name", ["paper", "authors-code"])
def test_dataset_threshold_is_the_best_of_all_candidates(name):
    preset = replace(protocol(name), candidates=15, search_min_voxels=3)
    cases = [scored_case(0), scored_case(1), scored_case(2, lesion=False)]
    threshold = dataset_threshold(cases, preset)
    objective = {}
    for candidate in pooled_candidates(cases, preset):
        distances = []
        for case in cases[:2]:
            values = evaluate_case(*vars(case).values(), replace(preset, missing_prediction="worst-case"), candidate)
            distances.append(values.metrics["symmetric_msd_mm"])
        objective[candidate] = np.mean(distances)
    assert threshold == min(objective, key=objective.get)


def test_dataset_threshold_of_one_case_with_its_own_window_is_the_oracle():
    case = scored_case(3)
    own = evaluate_case(*vars(case).values(), PAPER)
    assert dataset_threshold([case], PAPER) == own.threshold


def test_dataset_threshold_needs_a_lesion():
    with pytest.raises(ValueError, match="at least one case with a lesion"):
        dataset_threshold([scored_case(0, lesion=False)], PAPER)
