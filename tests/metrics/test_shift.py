"""Adding a constant to maps changes nothing but thresholds, and neither does what stands outside the brain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from metrics.evaluate import evaluate_case
from metrics.froc import froc
from metrics.protocol import PROTOCOLS, protocol
from metrics.thresholds import ScoredCase, dataset_threshold, healthy_threshold, pooled_candidates

AUTHORS_CODE = protocol("authors-code")
EVERY_PROTOCOL = [*PROTOCOLS, replace(AUTHORS_CODE, name="authors-dataset-oracle", strategy="dataset-oracle")]
SHAPE = (14, 12, 10)
BRAIN = np.zeros(SHAPE, dtype=bool)
BRAIN[1:13, 1:11, 1:9] = True
SPACING_MM = (2.0, 2.0, 2.0)


def scored_case(seed, level=0.0):
    """A smooth map in steps of 2^-20, so that shifted copies have exactly its differences, and a lesion."""
    generator = np.random.default_rng(seed)
    lesion = np.zeros(SHAPE, dtype=bool)
    x, y, z = generator.integers(3, 6, size=3)
    lesion[x : x + 4, y : y + 3, z : z + 2] = True
    noise = ndimage.gaussian_filter(generator.normal(size=SHAPE), generator.uniform(0, 1.2))
    anomaly_map = level + noise / noise.std() + generator.uniform(0, 4) * lesion
    return ScoredCase(np.round(anomaly_map * 2**20) / 2**20, lesion, BRAIN, SPACING_MM)


def results(cases, preset):
    """Thresholds (without the maps' level), all metrics of all cases, and the points of the FROC."""
    maps = [case.anomaly_map for case in cases]
    threshold = None
    if preset.strategy == "healthy-fpr":
        threshold = healthy_threshold(maps, [BRAIN] * len(maps), preset.false_positive_rate)
    elif not preset.per_case:
        threshold = dataset_threshold(cases, preset)
    evaluated = [evaluate_case(*vars(case).values(), preset, threshold) for case in cases]
    points = froc(cases, pooled_candidates(cases, preset), preset)
    thresholds = np.array([one.threshold for one in evaluated] + [point.threshold for point in points])
    curve = [(point.sensitivity, point.false_components_per_case) for point in points]
    return thresholds, [one.metrics for one in evaluated], [one.lesions for one in evaluated], curve


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 2),
    level=st.sampled_from([0.0, -50.0, 50.0]),
    constant=st.integers(-2000, 2000),
    preset=st.sampled_from(EVERY_PROTOCOL),
)
def test_a_constant_added_to_maps_changes_nothing(seed, level, constant, preset):
    cases = [scored_case(seed, level), scored_case(seed + 1, level)]
    thresholds, *others = results(cases, preset)
    shifted = [replace(case, anomaly_map=case.anomaly_map + constant) for case in cases]
    shifted_thresholds, *shifted_others = results(shifted, preset)
    np.testing.assert_allclose(shifted_thresholds - constant, thresholds, atol=1e-9)
    assert shifted_others == others


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 2),
    outside=st.sampled_from([0.0, -1e6, 1e6, np.nan, np.inf, -np.inf]),
    preset=st.sampled_from(EVERY_PROTOCOL),
)
def test_what_stands_outside_the_brain_changes_nothing(seed, outside, preset):
    cases = [scored_case(seed, -10.0), scored_case(seed + 1, -10.0)]
    others = [replace(case, anomaly_map=np.where(BRAIN, case.anomaly_map, outside)) for case in cases]
    thresholds, *expected = results(cases, preset)
    found_thresholds, *found = results(others, preset)
    assert found_thresholds.tolist() == thresholds.tolist() and found == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_likelihood_map_finds_lesions_under_the_authors_protocol(dtype):
    """Negative everywhere: with 0 outside the brain, the window would be 0..0 and nothing found."""
    case = scored_case(3)
    bright = replace(case, anomaly_map=(case.anomaly_map + 6 * case.lesion_mask - 100).astype(dtype))
    found = evaluate_case(*vars(bright).values(), AUTHORS_CODE)
    assert found.metrics["tpr"] == 1 and -100 < found.threshold < -90
