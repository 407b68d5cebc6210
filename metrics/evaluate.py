"""All metrics of one case under one protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.components import components, detection_rates
from metrics.definitions import METRICS
from metrics.inputs import checked_map, checked_mask, checked_spacing
from metrics.morphology import BoolArray, diagonal
from metrics.postprocess import ground_truth, segmentation
from metrics.protocol import Protocol
from metrics.search import search_threshold
from metrics.surface import SurfaceDistances, surface_distances
from metrics.voxelwise import dice, ranking

SURFACE_DICE_TOLERANCE_MM = 2.0


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one case.

    threshold: the one that was used, in units of the map.
    metrics: every name of metrics.definitions -> value, None where it is not defined.
    lesions: one (volume_ml, found) pair per connected component of the ground truth.
    """

    threshold: float
    metrics: dict[str, float | None]
    lesions: list[tuple[float, bool]]


def evaluate_case(
    anomaly_map: npt.NDArray[np.floating],
    lesion_mask: npt.NDArray[np.generic],
    brain_mask: npt.NDArray[np.generic],
    spacing_mm: Sequence[float],
    protocol: Protocol,
    threshold: float | None = None,
) -> Evaluation:
    """Evaluate an anomaly map against a ground truth.

    anomaly_map: (X, Y, Z), higher = more anomalous, finite inside the brain; ignored outside it.
    lesion_mask, brain_mask: (X, Y, Z) bool, or numbers that are all 0 or 1. No lesion voxel: a healthy case.
    spacing_mm: voxel size along each axis.
    threshold: required by protocols with one threshold for all cases; None lets an "oracle" protocol search.
    Raises ValueError with one sentence for input that cannot be evaluated.
    """
    brain = checked_mask(brain_mask, "brain mask", np.shape(anomaly_map))
    lesions = checked_mask(lesion_mask, "lesion mask", brain.shape)
    scores = checked_map(anomaly_map, brain)
    spacing = checked_spacing(spacing_mm)
    truth = ground_truth(lesions, brain, protocol)
    if threshold is None:
        if not protocol.per_case:
            raise ValueError(f'Protocol "{protocol.name}" uses one threshold for all cases: pass it as threshold.')
        threshold = search_threshold(scores, truth, brain, spacing, protocol).threshold
    prediction = segmentation(scores, brain, threshold, protocol)

    metrics: dict[str, float | None] = dict.fromkeys(metric.name for metric in METRICS)
    counts = components(prediction, truth, protocol.component_connectivity)
    metrics["predicted_components"] = float(counts.predicted)
    metrics["false_components"] = float(counts.false)
    metrics["lesion_components"] = float(len(counts.found))
    if truth.any():
        ranks = ranking(scores[brain], truth[brain])
        metrics["average_precision"] = ranks.average_precision
        metrics["auroc"] = ranks.auroc
        metrics["best_dice"] = ranks.best_dice
        if prediction.any():
            metrics["dice"] = dice(prediction, truth)
            metrics["tpr"], metrics["ppv"], metrics["component_f1"] = detection_rates(counts, protocol)
            metrics |= _distance_metrics(prediction, truth, spacing, protocol)
        elif protocol.missing_prediction == "worst-case":
            metrics |= _missed(brain, spacing)
    voxel_ml = float(np.prod(spacing)) / 1000
    return Evaluation(
        threshold=float(threshold),
        metrics=metrics,
        lesions=[(voxels * voxel_ml, found) for voxels, found in zip(counts.lesion_voxels, counts.found, strict=True)],
    )


def _distance_metrics(
    prediction: BoolArray, truth: BoolArray, spacing_mm: Sequence[float], protocol: Protocol
) -> dict[str, float]:
    """Every metric on surfaces; neither mask is empty."""
    voxel = surface_distances(prediction, truth, (1.0, 1.0, 1.0))
    isotropic = min(spacing_mm) == max(spacing_mm)
    mm = voxel.scaled(spacing_mm[0]) if isotropic else surface_distances(prediction, truth, spacing_mm)
    return {
        "hd99_vox": _hd99(voxel, protocol),
        "msd_vox": _msd(voxel, protocol),
        "hd99_mm": _hd99(mm, protocol),
        "msd_mm": _msd(mm, protocol),
        "hd99_max_mm": mm.maximum_hausdorff(99),
        "hd95_max_mm": mm.maximum_hausdorff(95),
        "hd99_pooled_mm": mm.pooled_hausdorff(99),
        "hd95_pooled_mm": mm.pooled_hausdorff(95),
        "symmetric_msd_mm": mm.symmetric_mean(),
        "surface_dice_2mm": mm.surface_dice(SURFACE_DICE_TOLERANCE_MM),
    }


def _hd99(distances: SurfaceDistances, protocol: Protocol) -> float:
    directed = protocol.distance_direction == "truth-to-prediction"
    return distances.directed_hausdorff(99) if directed else distances.pooled_hausdorff(99)


def _msd(distances: SurfaceDistances, protocol: Protocol) -> float:
    directed = protocol.distance_direction == "truth-to-prediction"
    return distances.directed_mean() if directed else distances.symmetric_mean()


def _missed(brain_mask: BoolArray, spacing_mm: Sequence[float]) -> dict[str, float]:
    """Worst-case values for lesions of which nothing was predicted, so that a miss is never averaged away."""
    worst = {"voxel": diagonal(brain_mask, (1, 1, 1)), "mm": diagonal(brain_mask, spacing_mm)}
    values: dict[str, float] = {}
    for metric in METRICS:
        if metric.empty_prediction == "brain diagonal":
            values[metric.name] = worst[metric.unit]
        elif isinstance(metric.empty_prediction, float):
            values[metric.name] = metric.empty_prediction
    return values
