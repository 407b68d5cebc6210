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


@dataclass(frozen=True)
class Detections:
    """What each threshold finds in each case.

    thresholds: (K,) ascending, for all cases together. found, false: (cases, K), lesions found and false components.
    lesions: (cases,), how many lesions there are.
    """

    thresholds: npt.NDArray[np.float64]
    found: Counts
    false: Counts
    lesions: Counts

    def points(self) -> list[FrocPoint]:
        """The free-response ROC over all cases."""
        lesions, cases = int(self.lesions.sum()), len(self.lesions)
        return [
            FrocPoint(float(level), int(hits) / lesions if lesions else None, int(alarms) / cases)
            for level, hits, alarms in zip(self.thresholds, self.found.sum(axis=0), self.false.sum(axis=0), strict=True)
        ]


def froc(
    cases: Sequence[ScoredCase],
    thresholds: npt.NDArray[np.floating],
    protocol: Protocol,
    map_cases: MapCases = map,
) -> list[FrocPoint]:
    """The points of `count_detections`, which says what it takes."""
    return count_detections(cases, thresholds, protocol, map_cases).points()


def count_detections(
    cases: Sequence[ScoredCase],
    thresholds: npt.NDArray[np.floating],
    protocol: Protocol,
    map_cases: MapCases = map,
) -> Detections:
    """What ascending thresholds (K,) find, post-processed and counted as the protocol says.

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
    found, false, lesions = zip(*counted, strict=True)
    return Detections(levels, np.array(found), np.array(false), np.array(lesions))


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
