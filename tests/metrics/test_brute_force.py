"""The whole evaluation of a case against the protocol's words: threshold, post-processing, distances, counts.

Plain and slow, with scipy and scikit-image, one threshold and one component after the other.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage.measure import label

from metrics.evaluate import evaluate_case
from metrics.protocol import protocol

PRESETS = [protocol("paper"), protocol("authors-code")]
BALL_2 = ((np.indices((5, 5, 5)) - 2) ** 2).sum(axis=0) <= 4
NEIGHBOURS = {6: 1, 18: 2, 26: 3}


def cleaned(mask, brain, protocol, min_voxels):
    """The mask without small components and those at the rim."""
    rim = brain & ~ndimage.binary_erosion(brain, BALL_2, border_value=1)
    labels = label(mask, connectivity=NEIGHBOURS[protocol.removal_connectivity])
    mask = mask.copy()
    for component in range(1, labels.max() + 1):
        here = labels == component
        if here.sum() < min_voxels or (protocol.rim_radius and (rim & here).any()):
            mask[here] = False
    return mask


def predicted(anomaly_map, brain, threshold, protocol, min_voxels):
    grown = ndimage.binary_dilation(cleaned((anomaly_map > threshold) & brain, brain, protocol, min_voxels))
    return grown & brain if protocol.dilate_inside_brain else grown


def distances(prediction, truth, spacing):
    """Truth to prediction and back, from surface to surface."""
    points = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * spacing for mask in (truth, prediction)]
    between = cdist(*points)
    return between.min(axis=1), between.min(axis=0)


def searched(anomaly_map, truth, brain, spacing_mm, protocol):
    """The oracle's threshold, candidate after candidate."""
    values = anomaly_map[brain]
    if protocol.window_over == "array":  # the authors subtract the map's minimum, then set 0 outside the brain
        values = np.concatenate([values, np.full((~brain).sum(), values.min())])
    candidates = np.linspace(*np.quantile(values, protocol.window_quantiles), protocol.candidates)
    if not truth.any():
        return candidates[-1]
    tried = []
    for threshold in candidates:
        prediction = predicted(anomaly_map, brain, threshold, protocol, protocol.search_min_voxels)
        distance = np.inf
        if prediction.any():
            unit = spacing_mm if protocol.search_unit == "mm" else (1, 1, 1)
            distance = np.concatenate(distances(prediction, truth, unit)).mean()
        stop = protocol.early_stop
        if stop and len(tried) > stop.window and distance > np.mean(tried[-stop.window :]) + stop.excess:
            break
        tried.append(distance)
    return next(t for t, d in zip(candidates, tried, strict=False) if d <= min(tried) + 1e-9)


def plain_evaluation(anomaly_map, lesions, brain, spacing_mm, protocol):
    """Threshold, and the metrics on surfaces and components."""
    truth = cleaned(lesions, brain, protocol, protocol.min_voxels) if protocol.postprocess_truth else lesions
    threshold = searched(anomaly_map, truth, brain, spacing_mm, protocol)
    prediction = predicted(anomaly_map, brain, threshold, protocol, protocol.min_voxels)
    parts, wholes = label(prediction, connectivity=3), label(truth, connectivity=3)
    touching = len(set(parts[prediction & truth]))
    found = len(set(wholes[prediction & truth]))
    false, missed = parts.max() - touching, wholes.max() - found
    values = {"predicted_components": parts.max(), "false_components": false, "lesion_components": wholes.max()}
    if not truth.any():
        return threshold, values
    if not prediction.any():
        if protocol.missing_prediction == "worst-case":
            sides = np.ptp(np.argwhere(brain), axis=0) + 1
            values |= dict.fromkeys(("tpr", "ppv", "component_f1", "dice", "surface_dice_2mm"), 0)
            values |= dict.fromkeys(("hd99_vox", "msd_vox"), np.linalg.norm(sides))
            in_mm = ("hd99_mm", "msd_mm", "hd99_max_mm", "hd95_pooled_mm", "symmetric_msd_mm")
            values |= dict.fromkeys(in_mm, np.linalg.norm(sides * spacing_mm))
        return threshold, values
    hits = touching if protocol.true_positives == "predicted" else found
    tpr, ppv = hits / (hits + missed), hits / (hits + false) if hits else 0
    voxel, (there, back) = distances(prediction, truth, (1, 1, 1))[0], distances(prediction, truth, spacing_mm)
    both = np.concatenate([there, back])
    return threshold, values | {
        "tpr": tpr,
        "ppv": ppv,
        "component_f1": 2 * tpr * ppv / (tpr + ppv) if hits else 0,
        "dice": 2 * (prediction & truth).sum() / (prediction.sum() + truth.sum()),
        "hd99_vox": np.percentile(voxel, 99),
        "msd_vox": voxel.mean(),
        "hd99_mm": np.percentile(there, 99),
        "msd_mm": there.mean(),
        "hd99_max_mm": max(np.percentile(there, 99), np.percentile(back, 99)),
        "hd95_pooled_mm": np.percentile(both, 95),
        "symmetric_msd_mm": both.mean(),
        "surface_dice_2mm": (both <= 2).mean(),
    }


def a_mask(generator, shape, kind):
    """Boxes that may touch the border of the array, one voxel, nothing, or everything."""
    mask = np.full(shape, kind == "full")
    for _ in range({"boxes": 3, "voxel": 1}.get(kind, 0)):
        corner = generator.integers(shape)
        sides = generator.integers(1, 5, size=3) if kind == "boxes" else (1, 1, 1)
        mask[tuple(slice(a, a + b) for a, b in zip(corner, sides, strict=True))] = True
    return mask


def random_case(seed, shape, map_kind, truth_kind, brain_kind, spacing_mm):
    generator = np.random.default_rng(seed)
    lesions = a_mask(generator, shape, truth_kind)
    anomaly_map = ndimage.gaussian_filter(generator.normal(size=shape), generator.uniform(0, 1.5))
    anomaly_map = anomaly_map / max(anomaly_map.std(), 1e-6) + generator.uniform(0, 3) * lesions
    if map_kind == "ties":
        anomaly_map = np.round(anomaly_map)
    elif map_kind == "constant":
        anomaly_map = np.full(shape, 2.0)
    brain = a_mask(generator, shape, brain_kind) if brain_kind != "holes" else generator.random(shape) < 0.95
    brain[tuple(generator.integers(shape))] = True
    return anomaly_map, lesions, brain, spacing_mm


cases = st.builds(
    random_case,
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 14), st.integers(1, 12), st.integers(1, 8)),
    map_kind=st.sampled_from(["random", "random", "random", "ties", "constant"]),
    truth_kind=st.sampled_from(["boxes", "boxes", "boxes", "voxel", "empty", "full"]),
    brain_kind=st.sampled_from(["full", "full", "holes", "boxes", "voxel"]),
    spacing_mm=st.sampled_from([(2.0, 2.0, 2.0), (0.9, 1.1, 3.0)]),
)


def assert_same_as_the_words(case, preset):
    threshold, expected = plain_evaluation(*case, preset)
    found = evaluate_case(*case, preset)
    assert found.threshold == threshold
    for name in ("hd99_vox", "msd_vox", "tpr", "ppv", "dice"):
        assert (found.metrics[name] is None) == (name not in expected), name
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases, preset=st.sampled_from(PRESETS))
def test_an_evaluation_is_what_the_protocol_says(case, preset):
    assert_same_as_the_words(case, preset)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(case=cases)
def test_a_thousand_evaluations_are_what_both_protocols_say(case):
    for preset in PRESETS:
        assert_same_as_the_words(case, preset)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("preset", PRESETS, ids=str)
def test_what_is_not_finite_is_refused(value, preset):
    anomaly_map, lesions, brain, spacing_mm = random_case(0, (6, 5, 4), "random", "boxes", "full", (1.0, 1.0, 1.0))
    anomaly_map[3, 2, 1] = value
    with pytest.raises(ValueError, match="NaN or infinite in 1 brain voxel"):
        evaluate_case(anomaly_map, lesions, brain, spacing_mm, preset)
