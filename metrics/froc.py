"""Free-response ROC: the share of lesions found against the false components per case, over thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt

from metrics.inputs import checked_map, checked_mask
from metrics.postprocess import ground_truth
from metrics.predictions import predictions_at
from metrics.protocol import Protocol
from metrics.thresholds import MapCases, ScoredCase

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrocPoint:
    """One threshold for all cases. sensitivity: lesions found / lesions, None when there is no lesion at all."""

    threshold: float
    sensitivity: float | None
    false_components_per_case: float


def froc(
    cases: Sequence[ScoredCase],
    thresholds: npt.NDArray[np.floating],
    protocol: Protocol,
    map_cases: MapCases = map,
) -> list[FrocPoint]:
    """The curve over ascending thresholds (K,), post-processed and counted as the protocol says.

    Healthy cases (empty lesion masks) count with their false components. `metrics.thresholds.pooled_candidates`
    gives thresholds to try. map_cases: `map`, or that of a pool of threads.
    Raises ValueError without cases, or for input that `evaluate_case` refuses.
    """
    if len(cases) == 0:
        raise ValueError("A free-response ROC needs at least one case.")
    levels = np.asarray(thresholds, dtype=np.float64)
    if (np.diff(levels) < 0).any():
        raise ValueError("The thresholds of a free-response ROC must ascend.")
    counted = list(map_cases(lambda index: detections(cases[index], levels, protocol), range(len(cases))))
    found = np.sum([hits for hits, _, _ in counted], axis=0)
    false = np.sum([alarms for _, alarms, _ in counted], axis=0)
    lesions = sum(number for _, _, number in counted)
    return [
        FrocPoint(float(level), int(hits) / lesions if lesions else None, int(alarms) / len(cases))
        for level, hits, alarms in zip(levels, found, false, strict=True)
    ]


def detections(case: ScoredCase, thresholds: npt.NDArray[np.float64], protocol: Protocol) -> tuple[Counts, Counts, int]:
    """Of one case: lesions found (K,) and false components (K,) at each threshold, and the number of lesions."""
    from metrics.kernels.counting import count_components

    brain = checked_mask(case.brain_mask, "brain mask", np.shape(case.anomaly_map))
    scores = checked_map(case.anomaly_map, brain)
    truth = ground_truth(checked_mask(case.lesion_mask, "lesion mask", brain.shape), brain, protocol)
    connectivity = protocol.component_connectivity
    predictions = predictions_at(scores, truth, brain, thresholds, protocol, protocol.min_voxels)
    labels, lesions = cc3d.connected_components(predictions.padded(truth), connectivity=connectivity, return_N=True)
    steps = predictions.steps(connectivity)
    predicted, touching, found = (np.zeros(len(thresholds), dtype=np.int64) for _ in range(3))
    count_components(predictions.rows, labels.ravel(), lesions, steps[steps < 0], predicted, touching, found)
    return found, predicted - touching, int(lesions)
