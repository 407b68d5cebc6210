"""The threshold whose segmentation lies nearest to the ground truth, by symmetric mean surface distance.

Exact, and fast because all thresholds are treated at once (`metrics.predictions`): as bits, one per threshold, every
prediction and its surface take a few AND and OR per voxel. One distance transform of the truth serves all
predictions, and one search around each truth voxel all thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.inputs import lowest_outside
from metrics.morphology import BoolArray, surface
from metrics.predictions import predictions_at
from metrics.protocol import EarlyStop, Protocol

TIE = 1e-9  # distances this near are equal: sums in another order differ by rounding only


@dataclass(frozen=True)
class Search:
    """The candidates, ascending, their distances (infinite where nothing is predicted) and the one chosen."""

    thresholds: npt.NDArray[np.float64]
    distances: npt.NDArray[np.float64]
    chosen: int

    @property
    def threshold(self) -> float:
        """The chosen threshold, in units of the map."""
        return float(self.thresholds[self.chosen])


def search_threshold(
    anomaly_map: npt.NDArray[np.floating],
    truth: BoolArray,
    brain_mask: BoolArray,
    spacing_mm: Sequence[float],
    protocol: Protocol,
) -> Search:
    """Find one case's threshold. Arrays are (X, Y, Z); the truth is already post-processed.

    With an empty truth no distance is defined, and the highest candidate is taken.
    """
    thresholds = candidates(anomaly_map, brain_mask, protocol)
    if not truth.any():
        return Search(thresholds, np.full(len(thresholds), np.nan), chosen=len(thresholds) - 1)
    distances = symmetric_mean_distances(anomaly_map, truth, brain_mask, spacing_mm, thresholds, protocol)
    return Search(thresholds, distances, lowest(distances, protocol.early_stop))


def candidates(
    anomaly_map: npt.NDArray[np.floating], brain_mask: BoolArray, protocol: Protocol
) -> npt.NDArray[np.float64]:
    """The thresholds to try, ascending (candidates,): linear between two quantiles of the map (X, Y, Z)."""
    if protocol.window_over == "brain":
        values = anomaly_map[brain_mask]
    else:
        values = lowest_outside(anomaly_map, brain_mask).ravel()
    low, high = np.quantile(values.astype(np.float64), protocol.window_quantiles)
    return np.linspace(low, high, protocol.candidates)


def lowest(distances: npt.NDArray[np.float64], early_stop: EarlyStop | None) -> int:
    """Index of the lowest distance before the search stops, the first of equals."""
    tried = distances[: stop_index(distances, early_stop)]
    return int(np.argmax(tried <= tried.min() + TIE))


def stop_index(distances: npt.NDArray[np.float64], early_stop: EarlyStop | None) -> int:
    """How many candidates are tried: all, or those before the first that exceeds the mean of the last ones.

    More than `window` distances must be kept by then: with a window of ten, index 11 is the first to end the search.
    """
    if early_stop is not None:
        for index in range(early_stop.window + 1, len(distances)):
            recent = distances[index - early_stop.window : index].mean()
            if distances[index] > recent + early_stop.excess:
                return index
    return len(distances)


def symmetric_mean_distances(
    anomaly_map: npt.NDArray[np.floating],
    truth: BoolArray,
    brain_mask: BoolArray,
    spacing_mm: Sequence[float],
    thresholds: npt.NDArray[np.float64],
    protocol: Protocol,
) -> npt.NDArray[np.float64]:
    """Symmetric mean surface distance to the truth at each ascending threshold, infinite without prediction.

    truth: (X, Y, Z), not empty, already post-processed. In the protocol's search unit.
    """
    from metrics.kernels.distance_transform import squared_distance_transform
    from metrics.kernels.nearest import block_steps, by_block, grouped, near_ball, sums_from_truth
    from metrics.kernels.surfaces import sums_to_truth, surfaces

    spacing = np.array(search_spacing(spacing_mm, protocol), dtype=np.float64)
    found = predictions_at(anomaly_map, truth, brain_mask, thresholds, protocol, protocol.search_min_voxels)
    surface_voxels, surface_rows = surfaces(found.rows, found.steps(6))

    truth_surface = np.pad(surface(truth[found.box]), 1)
    points = by_block(np.argwhere(truth_surface))
    sums, counts = np.zeros(64 * found.rows.shape[1]), np.zeros(64 * found.rows.shape[1], dtype=np.int64)
    to_truth = squared_distance_transform(truth_surface, spacing).ravel()
    sums_to_truth(surface_voxels, surface_rows, to_truth, sums, counts)
    surface_blocks = grouped(surface_voxels, surface_rows, np.array(found.shape))
    sums_from_truth(points, spacing, surface_blocks, *near_ball(spacing), *block_steps(found.shape, spacing), sums)

    sums, counts = sums[: len(thresholds)], counts[: len(thresholds)]
    return np.where(counts > 0, sums / (counts + len(points)), np.inf)


def search_spacing(spacing_mm: Sequence[float], protocol: Protocol) -> Sequence[float]:
    """The voxel size in the unit of the searched distance."""
    return spacing_mm if protocol.search_unit == "mm" else (1.0, 1.0, 1.0)
