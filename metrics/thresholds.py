"""One threshold for all cases: from healthy maps, or the best one for a labelled set."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from metrics.inputs import checked_map, checked_mask, checked_spacing
from metrics.morphology import diagonal
from metrics.postprocess import ground_truth
from metrics.protocol import Protocol
from metrics.search import lowest, search_spacing, symmetric_mean_distances

T = TypeVar("T")


@dataclass(frozen=True)
class ScoredCase:
    """An anomaly map with its labels, as `evaluate_case` takes them: three arrays (X, Y, Z) and the voxel size."""

    anomaly_map: npt.NDArray[np.floating]
    lesion_mask: npt.NDArray[np.generic]
    brain_mask: npt.NDArray[np.generic]
    spacing_mm: Sequence[float]


def healthy_threshold(
    maps: Iterable[npt.NDArray[np.floating]],
    brain_masks: Iterable[npt.NDArray[np.generic]],
    false_positive_rate: float,
) -> float:
    """The lowest map value that at most this share of all brain voxels of healthy cases exceeds.

    maps, brain_masks: one (X, Y, Z) array per case, read one after the other. No label is needed.
    Raises ValueError without cases, for a rate outside 0..1, or for input that `evaluate_case` refuses.
    """
    if not 0 <= false_positive_rate <= 1:
        raise ValueError(f"false_positive_rate must lie within 0..1, not {false_positive_rate}.")
    values = [_brain_values(anomaly_map, brain) for anomaly_map, brain in zip(maps, brain_masks, strict=True)]
    if not values:
        raise ValueError("A threshold from healthy maps needs at least one healthy map.")
    return float(np.quantile(np.concatenate(values), 1 - false_positive_rate, method="higher", overwrite_input=True))


class MapCases(Interface):
    """`map`, or that of a pool of threads, which works on several cases at the same time."""

    def __call__(self, work: Callable[[int], T], indices: Iterable[int], /) -> Iterator[T]: ...


def dataset_threshold(cases: Sequence[ScoredCase], protocol: Protocol, map_cases: MapCases = map) -> float:
    """The threshold with the lowest mean over cases of the symmetric mean surface distance to the ground truth.

    cases: gone through twice, so that a lazy sequence holds one at a time; those without lesions do not count.
    map_cases: `map`, or that of a pool of threads.
    Candidates run linearly between the protocol's quantiles of all cases' values together. A case in which a
    candidate predicts nothing counts with the diagonal of its brain's bounding box. There is no early stop.
    Raises ValueError when no case has a lesion, or for input that `evaluate_case` refuses.
    """
    thresholds = pooled_candidates(cases, protocol, map_cases)

    def distances(index: int) -> npt.NDArray[np.float64] | None:
        return _distances(cases[index], thresholds, protocol)

    labelled = [found for found in map_cases(distances, range(len(cases))) if found is not None]
    if not labelled:
        raise ValueError("A threshold for the dataset needs at least one case with a lesion.")
    return float(thresholds[lowest(np.mean(labelled, axis=0), None)])


def _distances(
    case: ScoredCase, thresholds: npt.NDArray[np.float64], protocol: Protocol
) -> npt.NDArray[np.float64] | None:
    """A case's distance at each threshold, the brain's diagonal where nothing is predicted; None without lesion."""
    brain = checked_mask(case.brain_mask, "brain mask", np.shape(case.anomaly_map))
    truth = ground_truth(checked_mask(case.lesion_mask, "lesion mask", brain.shape), brain, protocol)
    if not truth.any():
        return None
    scores, spacing = checked_map(case.anomaly_map, brain), checked_spacing(case.spacing_mm)
    found = symmetric_mean_distances(scores, truth, brain, spacing, thresholds, protocol)
    return np.where(np.isfinite(found), found, diagonal(brain, search_spacing(spacing, protocol)))


def pooled_candidates(
    cases: Sequence[ScoredCase], protocol: Protocol, map_cases: MapCases = map
) -> npt.NDArray[np.float64]:
    """Thresholds (candidates,), ascending, between the protocol's quantiles of all cases' values together."""

    def values(index: int) -> npt.NDArray[np.floating]:
        case = cases[index]
        inside = _brain_values(case.anomaly_map, case.brain_mask)
        if protocol.window_over == "brain":
            return inside
        outside = np.full(np.size(case.anomaly_map) - inside.size, inside.min())
        return np.concatenate([inside, outside])

    if len(cases) == 0:
        raise ValueError("A threshold for the dataset needs at least one case.")
    pooled = np.concatenate(list(map_cases(values, range(len(cases)))))
    low, high = np.quantile(pooled, protocol.window_quantiles, overwrite_input=True)
    return np.linspace(float(low), float(high), protocol.candidates)


def _brain_values(
    anomaly_map: npt.NDArray[np.floating], brain_mask: npt.NDArray[np.generic]
) -> npt.NDArray[np.floating]:
    """The map's values inside the brain, in its own precision to save memory."""
    brain = checked_mask(brain_mask, "brain mask", np.shape(anomaly_map))
    checked_map(anomaly_map, brain)
    return np.asarray(anomaly_map)[brain]
