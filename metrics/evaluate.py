"""All metrics of one case under one protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.definitions.standard import METRICS
from metrics.inputs import checked_map, checked_mask, checked_spacing
from metrics.metric import Metric
from metrics.pair import Pair
from metrics.postprocess import ground_truth, segmentation
from metrics.protocol import Protocol
from metrics.search import search_threshold


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one case.

    threshold: the one that was used, in units of the map.
    metrics: name -> value, None where it is not defined.
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
    metrics: Sequence[Metric] = METRICS,
) -> Evaluation:
    """Evaluate an anomaly map against a ground truth.

    Args:
        anomaly_map: (X, Y, Z), higher = more anomalous, finite inside the brain; ignored outside it.
        lesion_mask: (X, Y, Z) bool, or numbers that are all 0 or 1. No lesion voxel: a healthy case.
        brain_mask: The same; not empty.
        spacing_mm: Voxel size along each axis.
        protocol: How the map becomes numbers, such as `metrics.protocol.protocol("paper")`.
        threshold: Required by protocols with one threshold for all cases; None lets an "oracle" protocol search.
        metrics: What to measure.

    Returns:
        Threshold, metrics and lesions of the case.

    Raises:
        ValueError: With one sentence, for input that cannot be evaluated.

    Example:
        >>> import numpy as np
        >>> from metrics.protocol import protocol
        >>> brain = np.ones((20, 20, 20), dtype=bool)
        >>> lesions = np.zeros_like(brain)
        >>> lesions[8:12, 8:12, 8:12] = True
        >>> evaluation = evaluate_case(lesions.astype(float), lesions, brain, (2, 2, 2), protocol("paper"), 0.5)
        >>> evaluation.metrics["tpr"], evaluation.metrics["msd_mm"]
        (1.0, 2.0)
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

    pair = Pair(prediction, truth, scores, brain, spacing, protocol)
    counts = pair.connected_components
    return Evaluation(
        threshold=float(threshold),
        metrics={metric.name: metric.of(pair) for metric in metrics},
        lesions=[
            (voxels * pair.voxel_ml, found) for voxels, found in zip(counts.lesion_voxels, counts.found, strict=True)
        ],
    )
