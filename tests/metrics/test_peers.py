"""Cases of neighbouring projects where their definition is ours: inputs and expected values as they have them.

Sources, read in November 2026: MONAI, tests/metrics (test_hausdorff_distance, test_surface_distance, test_surface_dice,
test_compute_roc_auc, test_compute_average_precision); panoptica, unit_tests/test_metrics; medpy, tests/metric_/binary.
Left out: other distances than the Euclidean one, and 2D surfaces, which a volume of one slice does not have.
"""

import numpy as np
import pytest

from metrics.morphology import BoolArray
from metrics.surface import surface_distances
from metrics.voxelwise import dice, ranking

UNIT = (1.0, 1.0, 1.0)
ODD = (0.85, 1.2, 0.9)


def ball(radius: float, centre_mm: tuple[int, int, int], spacing: tuple[float, float, float] = UNIT) -> BoolArray:
    """A ball in a volume of 99^3 voxels; it may be cut off by the volume's faces."""
    axes = np.meshgrid(*[np.arange(99) * size for size in spacing], indexing="ij", sparse=True)
    return sum((axis - c) ** 2 for axis, c in zip(axes, centre_mm, strict=True)) <= radius**2  # type: ignore[return-value]


MIDDLE = ball(20, (49, 49, 49))
SHIFTED = ball(20, (20, 20, 20)), ball(20, (19, 19, 19))
BESIDE = ball(33, (19, 33, 22)), ball(33, (20, 33, 22))
NESTED = ball(20, (20, 33, 22)), ball(40, (20, 33, 22))
ODD_SHIFTED = ball(20, (20, 20, 20), ODD), ball(20, (19, 19, 19), ODD)
ODD_NESTED = ball(15, (20, 33, 22), ODD), ball(30, (20, 33, 22), ODD)


@pytest.mark.parametrize(
    ("pair", "spacing", "percentile", "directed", "both"),
    [
        ((MIDDLE, MIDDLE), UNIT, 100, 0, 0),
        (SHIFTED, UNIT, 100, 1.7320508075688772, 1.7320508075688772),
        (BESIDE, UNIT, 100, 1, 1),
        (NESTED, UNIT, 100, 20.09975124224178, 20.223748416156685),
        (NESTED, UNIT, 95, 19.924858845171276, 20.09975124224178),
        (ODD_SHIFTED, ODD, 100, 2.0808651447296143, 2.2671568),
        (ODD_NESTED, ODD, 100, 15.439640998840332, 15.62594),
    ],
)
def test_hausdorff_distances_of_monai(
    pair: tuple[BoolArray, BoolArray],
    spacing: tuple[float, float, float],
    percentile: float,
    directed: float,
    both: float,
) -> None:
    found = surface_distances(pair[1], pair[0], spacing)
    assert found.directed_hausdorff(percentile) == pytest.approx(directed, rel=1e-6)
    assert found.maximum_hausdorff(percentile) == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize(
    ("pair", "both", "directed"),
    [
        ((MIDDLE, MIDDLE), 0, 0),
        (BESIDE, 0.350217, 0.3483278807706289),
        (NESTED, 15.117741, 12.040033513150455),
    ],
)
def test_mean_surface_distances_of_monai(pair: tuple[BoolArray, BoolArray], both: float, directed: float) -> None:
    found = surface_distances(pair[1], pair[0], UNIT)
    assert found.symmetric_mean() == pytest.approx(both, rel=1e-5)
    assert found.directed_mean() == pytest.approx(directed, rel=1e-5)


def test_mean_surface_distance_of_monai_with_spacing() -> None:
    one, other = ball(33, (42, 45, 52), ODD), ball(33, (43, 45, 52), ODD)
    assert surface_distances(other, one, ODD).symmetric_mean() == pytest.approx(0.4951, rel=1e-4)


def test_surface_dice_of_monai() -> None:
    one, other = np.zeros((2, 200, 110, 80), dtype=bool)
    one[:, :, 20:], other[:, :, 30:] = True, True
    found = surface_distances(one, other, UNIT)
    apart = 200 * 110 + 198 * 108 + 9 * 200 * 2 + 9 * 108 * 2
    surfaces = 200 * 110 * 4 + (58 + 48) * 200 * 2 + (58 + 48) * 108 * 2
    assert found.surface_dice(0) == pytest.approx(1 - apart / surfaces)
    assert found.surface_dice(0) < found.surface_dice(1) < found.surface_dice(10) == found.surface_dice(11) == 1


@pytest.mark.parametrize(
    ("scores", "labels", "auroc", "average_precision"),
    [
        ([0.5, 0.5, 0.2, 8.3], [0, 1, 0, 1], 0.875, 0.83333),
        ([0.8, 1.1, -0.1, 0.4], [0, 1, 0, 1], 0.75, 0.83333),  # the difference of two logits, as softmax ranks them
        ([0.8, 1.1, -0.1, 0.4], [0, 0, 1, 1], None, 0.41667),
        ([0.8, 1.1, -0.1, 0.4], [0, 0, 0, 0], None, None),
    ],
)
def test_rankings_of_monai(
    scores: list[float], labels: list[int], auroc: float | None, average_precision: float | None
) -> None:
    found = ranking(np.array(scores), np.array(labels, dtype=bool))
    if auroc is not None:
        assert found.auroc == pytest.approx(auroc)
    assert found.average_precision == (average_precision and pytest.approx(average_precision, abs=1e-5))


INNER = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)[..., None]
OUTER = np.array([[0, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]], dtype=bool)[..., None]


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [(INNER, INNER, 1.0), (INNER, ~INNER, 0.0), (OUTER, INNER, 8 / 14), (INNER, OUTER, 8 / 14)],
)
def test_dice_of_panoptica(prediction: BoolArray, truth: BoolArray, expected: float) -> None:
    assert dice(prediction, truth) == pytest.approx(expected)


def test_mean_distances_of_medpy() -> None:
    one, other = np.array([1, 0], dtype=bool)[:, None, None], np.array([0, 1], dtype=bool)[:, None, None]
    assert surface_distances(one, one, UNIT).symmetric_mean() == 0
    assert surface_distances(one, other, UNIT).symmetric_mean() == 1
    assert surface_distances(one, other, (2, 1, 1)).symmetric_mean() == 2
