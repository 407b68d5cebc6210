"""Free-response ROC: the share of lesions found against the false components a case, over thresholds."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.components import components
from metrics.inputs import checked_map, checked_mask
from metrics.postprocess import ground_truth, segmentation
from metrics.protocol import Protocol
from metrics.thresholds import ScoredCase


@dataclass(frozen=True)
class FrocPoint:
    """One threshold for all cases. sensitivity: lesions found / lesions, None when there is no lesion at all."""

    threshold: float
    sensitivity: float | None
    false_components_per_case: float


def froc(cases: Iterable[ScoredCase], thresholds: npt.NDArray[np.floating], protocol: Protocol) -> list[FrocPoint]:
    """The curve over thresholds (K,), post-processed and counted as the protocol says.

    Healthy cases (empty lesion masks) count with their false components. `metrics.thresholds.pooled_candidates`
    gives thresholds to try. Raises ValueError without cases, or for input that `evaluate_case` refuses.
    """
    found, false = np.zeros(len(thresholds), dtype=int), np.zeros(len(thresholds), dtype=int)
    lesions = number = 0
    for case in cases:
        brain = checked_mask(case.brain_mask, "brain mask", np.shape(case.anomaly_map))
        scores = checked_map(case.anomaly_map, brain)
        truth = ground_truth(checked_mask(case.lesion_mask, "lesion mask", brain.shape), brain, protocol)
        for index, threshold in enumerate(thresholds):
            prediction = segmentation(scores, brain, float(threshold), protocol)
            counts = components(prediction, truth, protocol.component_connectivity)
            found[index] += sum(counts.found)
            false[index] += counts.false
        lesions += components(truth, truth, protocol.component_connectivity).predicted
        number += 1
    if number == 0:
        raise ValueError("A free-response ROC needs at least one case.")
    return [
        FrocPoint(float(threshold), int(hits) / lesions if lesions else None, int(misses) / number)
        for threshold, hits, misses in zip(thresholds, found, false, strict=True)
    ]
