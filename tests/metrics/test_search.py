"""The fast search against the definition, written out with scipy and skimage."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage.measure import label

from metrics.protocol import EarlyStop, protocol
from metrics.search import candidates, lowest, search_threshold, stop_index, symmetric_mean_distances

PAPER, AUTHORS_CODE = protocol("paper"), protocol("authors-code")
BALL_2 = ((np.indices((5, 5, 5)) - 2) ** 2).sum(axis=0) <= 4


def brute_force(anomaly_map, truth, brain, spacing_mm, thresholds, protocol):
    """The symmetric mean surface distance at each threshold, straight from the protocol's words."""
    rim = brain & ~ndimage.binary_erosion(brain, BALL_2, border_value=1)
    distances = []
    for threshold in thresholds:
        mask = (anomaly_map > threshold) & brain
        labels = label(mask, connectivity={6: 1, 18: 2, 26: 3}[protocol.removal_connectivity])
        for component in range(1, labels.max() + 1):
            here = labels == component
            if here.sum() < protocol.search_min_voxels or (protocol.rim_radius and rim[here].any()):
                mask[here] = False
        if protocol.dilate:
            mask = ndimage.binary_dilation(mask)
        if protocol.dilate and protocol.dilate_inside_brain:
            mask &= brain
        unit = spacing_mm if protocol.search_unit == "mm" else (1, 1, 1)
        surfaces = [np.argwhere(m & ~ndimage.binary_erosion(m)) * unit for m in (mask, truth)]
        if not mask.any():
            distances.append(np.inf)
            continue
        between = cdist(*surfaces)
        distances.append(np.concatenate([between.min(axis=0), between.min(axis=1)]).mean())
    return np.array(distances)


def random_case(seed, shape, spots, ties, brain_share, spacing_mm):
    """A smooth or rough map with a few hot spots, a brain with holes, a truth of some boxes inside the array."""
    generator = np.random.default_rng(seed)
    anomaly_map = generator.normal(size=shape)
    if seed % 2:
        anomaly_map = ndimage.gaussian_filter(anomaly_map, 1)
    for _ in range(spots):
        anomaly_map[tuple(generator.integers(shape))] += generator.uniform(0, 5)
    if ties:
        anomaly_map = np.round(anomaly_map, 0)
    brain = generator.random(shape) < brain_share
    truth = np.zeros(shape, dtype=bool)
    for _ in range(generator.integers(1, 4)):
        corner = generator.integers(shape)
        truth[tuple(slice(a, a + b) for a, b in zip(corner, generator.integers(1, 4, size=3), strict=True))] = True
    brain[tuple(generator.integers(shape))] = True
    return anomaly_map, truth, brain, spacing_mm


cases = st.builds(
    random_case,
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 12), st.integers(1, 6)),
    spots=st.integers(0, 4),
    ties=st.booleans(),
    brain_share=st.sampled_from([0.5, 0.95, 1.0]),
    spacing_mm=st.sampled_from([(2.0, 2.0, 2.0), (0.9, 1.1, 3.0)]),
)
protocols = st.builds(
    replace,
    st.sampled_from([PAPER, AUTHORS_CODE]),
    candidates=st.sampled_from([1, 20, 70]),
    search_min_voxels=st.integers(1, 4),
    removal_connectivity=st.sampled_from([6, 18, 26]),
    dilate=st.sampled_from([True, True, False]),
    window_quantiles=st.sampled_from([(0.9, 0.9999), (0.3, 1.0)]),
)


def assert_same_as_brute_force(case, protocol):
    anomaly_map, truth, brain, spacing_mm = case
    thresholds = candidates(anomaly_map, brain, protocol)
    expected = brute_force(anomaly_map, truth, brain, spacing_mm, thresholds, protocol)
    found = search_threshold(anomaly_map, truth, brain, spacing_mm, protocol)
    np.testing.assert_allclose(found.distances, expected, atol=1e-9)
    assert found.threshold == thresholds[lowest(expected, protocol.early_stop)]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=cases, preset=st.sampled_from([PAPER, AUTHORS_CODE]))
def test_presets_agree_with_brute_force(case, preset):
    assert_same_as_brute_force(case, replace(preset, candidates=30))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=cases, protocol=protocols)
def test_variants_agree_with_brute_force(case, protocol):
    assert_same_as_brute_force(case, protocol)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(case=cases, preset=st.sampled_from([PAPER, AUTHORS_CODE]))
def test_a_thousand_cases_agree_with_brute_force(case, preset):
    assert_same_as_brute_force(case, preset)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), preset=st.sampled_from([PAPER, AUTHORS_CODE]))
def test_larger_volumes_agree_with_brute_force(seed, preset):
    assert_same_as_brute_force(random_case(seed, (40, 36, 30), 30, False, 0.99, (1.0, 1.0, 2.5)), preset)


SHAPE = (12, 11, 10)


def box(*corners):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(a, b) for a, b in corners)] = True
    return mask


EVERYWHERE = np.ones(SHAPE, dtype=bool)
RANDOM = np.random.default_rng(0).normal(size=SHAPE)
EDGE_CASES = {
    "full mask": (RANDOM, EVERYWHERE, EVERYWHERE),
    "one voxel of truth": (RANDOM, box((5, 6), (5, 6), (5, 6)), EVERYWHERE),
    "one voxel of brain": (RANDOM, box((5, 6), (5, 6), (5, 6)), box((5, 6), (5, 6), (5, 6))),
    "lesion at the border of the array": (RANDOM, box((0, 3), (0, 2), (8, 10)), EVERYWHERE),
    "truth outside the brain": (RANDOM, box((0, 2), (0, 2), (0, 2)), box((4, 10), (4, 10), (4, 10))),
    "constant map": (np.full(SHAPE, 3.0), box((2, 4), (2, 4), (2, 4)), EVERYWHERE),
    "two values": (box((3, 6), (3, 6), (3, 6)).astype(float), box((2, 4), (2, 4), (2, 4)), EVERYWHERE),
    "negative map": (RANDOM - 10, box((2, 4), (2, 4), (2, 4)), box((1, 11), (1, 10), (1, 9))),
}


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("preset", [PAPER, AUTHORS_CODE], ids=str)
@pytest.mark.parametrize("spacing_mm", [(2.0, 2.0, 2.0), (0.7, 2.0, 5.0)], ids=str)
def test_edge_cases_agree_with_brute_force(name, preset, spacing_mm):
    assert_same_as_brute_force((*EDGE_CASES[name], spacing_mm), preset)


def test_a_far_prediction_is_found_exactly():
    shape = (60, 40, 30)
    anomaly_map, truth = np.zeros(shape), np.zeros(shape, dtype=bool)
    anomaly_map[57:59, 37, 25:28] = 1
    truth[1:3, 2, 3] = True
    assert_same_as_brute_force((anomaly_map, truth, np.ones(shape, dtype=bool), (1.0, 1.0, 1.0)), PAPER)


def test_known_distance():
    # Prediction: the cross around a line of three voxels, truth: one voxel six voxels further along the line.
    anomaly_map, truth = np.zeros((16, 7, 7)), np.zeros((16, 7, 7), dtype=bool)
    anomaly_map[2:5, 3, 3] = 1
    truth[10, 3, 3] = True
    threshold = np.array([0.5])
    brain = np.ones(truth.shape, dtype=bool)
    found = symmetric_mean_distances(anomaly_map, truth, brain, (2, 2, 2), threshold, PAPER)
    # Surface: all of the dilated line but its three inner voxels.
    sides = 4 * sum(np.hypot(10 - x, 1) for x in (2, 3, 4))
    assert found == pytest.approx([2 * (5 + (5 + 9) + sides) / (1 + 2 + 12)])


def test_cropping_does_not_move_the_paper_threshold():
    generator = np.random.default_rng(1)
    brain = np.zeros((20, 20, 20), dtype=bool)
    brain[4:15, 5:16, 3:14] = True
    truth = np.zeros_like(brain)
    truth[4:7, 8:11, 8:11] = True
    anomaly_map = generator.normal(size=brain.shape) + 2 * truth
    crop = (slice(4, 15), slice(5, 16), slice(3, 14))
    whole = search_threshold(anomaly_map, truth, brain, (1, 1, 1), PAPER)
    part = search_threshold(anomaly_map[crop], truth[crop], brain[crop], (1, 1, 1), PAPER)
    np.testing.assert_array_equal(whole.thresholds, part.thresholds)
    np.testing.assert_allclose(whole.distances, part.distances, atol=1e-9)


@pytest.mark.parametrize("lowest", [0.0, 3.0, -600.0])
def test_authors_window_counts_the_voxels_outside_the_brain_as_the_lowest_inside(lowest):
    brain = np.zeros((10, 10, 10), dtype=bool)
    brain[:5] = True
    anomaly_map = np.full(brain.shape, 7.0)
    anomaly_map[:5] = lowest + np.arange(500).reshape(5, 10, 10)
    values = np.concatenate([np.full(500, lowest), lowest + np.arange(500)])
    thresholds = candidates(anomaly_map, brain, AUTHORS_CODE)
    assert (thresholds[0], thresholds[-1]) == tuple(np.quantile(values, (0.90, 0.9999)))
    assert candidates(anomaly_map, brain, PAPER)[0] == np.quantile(lowest + np.arange(500), 0.90)


def test_where_the_brain_is_under_a_tenth_of_the_array_the_authors_window_begins_at_the_lowest_value():
    brain = np.zeros((10, 10, 10), dtype=bool)
    brain[0, :5] = True
    anomaly_map = np.where(brain, 3.0, 0.0)
    anomaly_map[0, 0] = 4.0
    assert candidates(anomaly_map, brain, AUTHORS_CODE)[0] == 3.0


def test_empty_truth_takes_the_highest_candidate():
    search = search_threshold(RANDOM, np.zeros(SHAPE, dtype=bool), EVERYWHERE, (1, 1, 1), PAPER)
    assert search.threshold == search.thresholds[-1]


def test_ties_go_to_the_lowest_threshold():
    assert lowest(np.array([3.0, 2.0 + 1e-12, 2.0, 4.0]), None) == 1
    assert lowest(np.array([np.inf, np.inf]), None) == 0


def test_early_stop_ends_before_the_jump():
    distances = np.array([5.0] * 11 + [6.5, 1.0])
    assert stop_index(distances, EarlyStop(window=10, excess=1.0)) == 11
    assert lowest(distances, EarlyStop()) == 0
    assert lowest(distances, None) == 12
    assert stop_index(distances, EarlyStop(excess=2.0)) == 13


def test_early_stop_needs_more_than_ten_distances():
    """The authors' code goes on past a jump at index 10, and finds the minimum at 50."""
    distances = np.full(100, 3.0)
    distances[10], distances[50] = 5.0, 1.0
    assert stop_index(distances, EarlyStop()) == 100
    assert lowest(distances, EarlyStop()) == 50
