"""Distances by hand, and against MONAI, medpy and surface-distance where definitions coincide."""

import numpy as np
import pytest
import surface_distance
import torch
from medpy.metric import binary as medpy
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from metrics.kernels.distance_transform import squared_distance_transform
from metrics.surface import SurfaceDistances, surface_distances


def blob(seed, shape=(30, 28, 26)):
    """Smooth irregular blobs, a few per cent of the volume."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return smooth > np.quantile(smooth, 0.96)


SPACINGS = [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0.8, 1.5, 3.0)]
PAIRS = [(blob(1), blob(2)), (blob(3), blob(3) & (np.indices(blob(3).shape)[0] > 9)), (blob(4), ~blob(5))]


def channels(mask):
    return torch.from_numpy(mask)[None, None]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_two_voxels(spacing):
    a, b = np.zeros((8, 8, 8), dtype=bool), np.zeros((8, 8, 8), dtype=bool)
    a[1, 2, 3] = b[4, 6, 3] = True
    expected = np.hypot(3 * spacing[0], 4 * spacing[1])
    found = surface_distances(a, b, spacing)
    assert found.from_truth == pytest.approx([expected]) == found.from_prediction


def test_only_surfaces_count():
    cube, point = np.zeros((9, 9, 9), dtype=bool), np.zeros((9, 9, 9), dtype=bool)
    cube[2:7, 2:7, 2:7] = point[4, 4, 4] = True
    found = surface_distances(cube, point, (1, 1, 1))
    assert found.from_truth == pytest.approx([2])  # from the centre to the middle of a face, not to itself
    assert found.from_prediction.size == 5**3 - 3**3 and found.from_prediction.max() == pytest.approx(np.sqrt(12))


def test_faces_of_the_array_are_surface():
    full, point = np.ones((5, 5, 5), dtype=bool), np.zeros((5, 5, 5), dtype=bool)
    point[2, 2, 2] = True
    assert surface_distances(full, point, (1, 1, 1)).from_truth == pytest.approx([2])


def test_reducers_by_hand():
    distances = SurfaceDistances(np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.0, 10.0]))
    assert distances.directed_mean() == 2 and distances.symmetric_mean() == 3
    assert distances.directed_hausdorff(50) == 1.5 and distances.maximum_hausdorff(50) == 5
    assert distances.pooled_hausdorff(100) == 10 and distances.pooled_hausdorff(50) == 1.5
    assert distances.surface_dice(1.0) == 3 / 6
    assert distances.scaled(2).directed_mean() == 4


def test_empty_masks_are_refused():
    empty = np.zeros((4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match="not empty"):
        surface_distances(empty, ~empty, (1, 1, 1))
    with pytest.raises(ValueError, match="not empty"):
        surface_distances(~empty, empty, (1, 1, 1))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("mask", [pair[0] for pair in PAIRS])
def test_distance_transform_is_that_of_scipy(mask, spacing):
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing)
    found = np.sqrt(squared_distance_transform(mask, np.array(spacing)))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_distance_transform_of_an_empty_mask_is_infinite():
    assert np.isinf(squared_distance_transform(np.zeros((3, 2, 4), dtype=bool), np.ones(3))).all()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_monai(pair, spacing):
    prediction, truth = pair
    found = surface_distances(prediction, truth, spacing)
    masks = (channels(prediction), channels(truth))
    swapped = (channels(truth), channels(prediction))
    options = {"include_background": True, "spacing": spacing}
    # MONAI's directed distances run from its first argument to its second.
    assert found.directed_hausdorff(99) == pytest.approx(
        compute_hausdorff_distance(*swapped, percentile=99, directed=True, **options).item(), rel=1e-5
    )
    for percentile in (95, 99):
        assert found.maximum_hausdorff(percentile) == pytest.approx(
            compute_hausdorff_distance(*masks, percentile=percentile, **options).item(), rel=1e-5
        )
    assert found.directed_mean() == pytest.approx(
        compute_average_surface_distance(*swapped, symmetric=False, **options).item(), rel=1e-5
    )
    assert found.symmetric_mean() == pytest.approx(
        compute_average_surface_distance(*masks, symmetric=True, **options).item(), rel=1e-5
    )
    assert found.surface_dice(2.5) == pytest.approx(
        compute_surface_dice(*masks, class_thresholds=[2.5], **options).item(), rel=1e-5
    )


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_medpy(pair, spacing):
    prediction, truth = pair
    found = surface_distances(prediction, truth, spacing)
    assert found.pooled_hausdorff(95) == pytest.approx(medpy.hd95(prediction, truth, spacing))
    assert found.maximum_hausdorff(100) == pytest.approx(medpy.hd(prediction, truth, spacing))
    assert found.directed_mean() == pytest.approx(medpy.asd(truth, prediction, spacing))
    assert found.symmetric_mean() == pytest.approx(medpy.assd(prediction, truth, spacing))


@pytest.mark.parametrize("pair", PAIRS[:2])
def test_near_surface_distance_whose_surface_runs_between_voxels(pair):
    prediction, truth = pair
    found = surface_distances(prediction, truth, (1, 1, 1))
    reference = surface_distance.compute_surface_distances(truth, prediction, (1, 1, 1))
    # Its surface points lie at most half a voxel's diagonal from ours.
    expected = surface_distance.compute_robust_hausdorff(reference, 100)
    assert found.maximum_hausdorff(100) == pytest.approx(expected, abs=np.sqrt(3))
    expected = surface_distance.compute_surface_dice_at_tolerance(reference, 2.0)
    assert found.surface_dice(2.0) == pytest.approx(expected, abs=0.1)


def documented_example():
    """The pair of docs/metrics.md: a cube, the same cube two voxels further, and twelve voxels far away."""
    truth, prediction = np.zeros((30, 30, 30), dtype=bool), np.zeros((30, 30, 30), dtype=bool)
    truth[5:11, 5:11, 5:11] = True
    prediction[7:13, 5:11, 5:11] = True
    prediction[24:27, 24:26, 24:26] = True
    return prediction, truth


def test_documented_example():
    """Every number of the table in docs/metrics.md."""
    prediction, truth = documented_example()
    spacing = (2.0, 2.0, 2.0)
    ours = surface_distances(prediction, truth, spacing)
    masks = (channels(prediction), channels(truth))
    options = {"include_background": True, "spacing": spacing}
    theirs = surface_distance.compute_surface_distances(truth, prediction, spacing)
    rows = [
        ("directed 99-HD", ours.directed_hausdorff(99), 4.0),
        (
            "directed 99-HD, MONAI (y_pred to y)",
            compute_hausdorff_distance(*masks, percentile=99, directed=True, **options).item(),
            52.038,
        ),
        ("maximum 95-HD", ours.maximum_hausdorff(95), 49.679),
        ("maximum 95-HD, MONAI", compute_hausdorff_distance(*masks, percentile=95, **options).item(), 49.679),
        ("maximum 95-HD, surface-distance", surface_distance.compute_robust_hausdorff(theirs, 95), 49.679),
        ("pooled 95-HD", ours.pooled_hausdorff(95), 4.0),
        ("pooled 95-HD, medpy hd95", medpy.hd95(prediction, truth, spacing), 4.0),
        ("directed MSD", ours.directed_mean(), 1.474),
        ("directed MSD, MONAI (y_pred to y)", compute_average_surface_distance(*masks, **options).item(), 5.086),
        ("directed MSD, medpy asd(truth, prediction)", medpy.asd(truth, prediction, spacing), 1.474),
        ("directed MSD, surface-distance", surface_distance.compute_average_surface_distance(theirs)[0], 1.41),
        ("symmetric MSD", ours.symmetric_mean(), 3.348),
        ("symmetric MSD, MONAI", compute_average_surface_distance(*masks, symmetric=True, **options).item(), 3.348),
        ("symmetric MSD, medpy assd", medpy.assd(prediction, truth, spacing), 3.348),
        ("surface Dice 2 mm", ours.surface_dice(2.0), 0.709),
        ("surface Dice 2 mm, MONAI", compute_surface_dice(*masks, class_thresholds=[2.0], **options).item(), 0.709),
        ("surface Dice 2 mm, surface-distance", surface_distance.compute_surface_dice_at_tolerance(theirs, 2.0), 0.706),
    ]
    assert {name: round(float(value), 3) for name, value, _ in rows} == {name: value for name, _, value in rows}
