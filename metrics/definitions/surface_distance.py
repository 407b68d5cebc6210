"""Metrics of DeepMind's surface-distance, by its own definition: surfaces run between voxels, each piece weighted by
its area in mm²."""

from typing import Any

from metrics.metric import Metric
from metrics.pair import Pair

TOLERANCE_MM = 2.0


def _distances(pair: Pair) -> Any:
    """The library's dictionary of distances and areas, which its metrics take."""
    from surface_distance import compute_surface_distances

    return compute_surface_distances(pair.truth, pair.prediction, pair.spacing_mm)


def _dice_2mm(pair: Pair) -> float:
    from surface_distance import compute_surface_dice_at_tolerance

    return float(compute_surface_dice_at_tolerance(pair.once(_distances), TOLERANCE_MM))


def _robust_hausdorff(pair: Pair, percent: int) -> float:
    from surface_distance import compute_robust_hausdorff

    return float(compute_robust_hausdorff(pair.once(_distances), percent))


METRICS = (
    Metric(
        name="surface_distance_dice_2mm",
        title="surface Dice 2 mm (surface-distance)",
        unit="",
        direction="higher",
        empty_prediction=0.0,
        empty_truth=None,
        description="surface-distance's Dice: share of both surfaces' area within 2 mm of the other surface",
        value=_dice_2mm,
        library="surface_distance",
    ),
    Metric(
        name="surface_distance_hd99_mm",
        title="99-HD (surface-distance)",
        unit="mm",
        direction="lower",
        empty_prediction="brain diagonal",
        empty_truth=None,
        description="surface-distance's robust Hausdorff: larger one of the directions' 99th percentiles by area",
        value=lambda pair: _robust_hausdorff(pair, 99),
        library="surface_distance",
    ),
    Metric(
        name="surface_distance_hd95_mm",
        title="95-HD (surface-distance)",
        unit="mm",
        direction="lower",
        empty_prediction="brain diagonal",
        empty_truth=None,
        description="surface-distance's robust Hausdorff: larger one of the directions' 95th percentiles by area",
        value=lambda pair: _robust_hausdorff(pair, 95),
        library="surface_distance",
    ),
)
