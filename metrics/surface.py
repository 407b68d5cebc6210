"""Distances between the surfaces of two masks: computed once per pair, then reduced many ways.

A surface is the mask's voxels with a 6-neighbour outside it. Distances run between voxel centres.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.morphology import BoolArray, bounding_box, surface

Distances = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceDistances:
    """The distance of each surface voxel to the nearest surface voxel of the other mask.

    from_truth: (N,) ground truth -> prediction. from_prediction: (M,) prediction -> ground truth.
    Both in the unit of the spacing they were computed with; neither is empty.
    """

    from_truth: Distances
    from_prediction: Distances

    @property
    def pooled(self) -> Distances:
        """The distances of both surfaces together, (N + M,)."""
        return np.concatenate([self.from_truth, self.from_prediction])

    def scaled(self, factor: float) -> "SurfaceDistances":
        """The same distances in another unit."""
        return SurfaceDistances(factor * self.from_truth, factor * self.from_prediction)

    def directed_hausdorff(self, percentile: float) -> float:
        """Percentile of the distances from ground truth to prediction."""
        return float(np.percentile(self.from_truth, percentile))

    def maximum_hausdorff(self, percentile: float) -> float:
        """The larger one of the percentiles of both directions."""
        return max(self.directed_hausdorff(percentile), float(np.percentile(self.from_prediction, percentile)))

    def pooled_hausdorff(self, percentile: float) -> float:
        """Percentile of the distances of both surfaces together."""
        return float(np.percentile(self.pooled, percentile))

    def directed_mean(self) -> float:
        """Mean distance from ground truth to prediction."""
        return float(self.from_truth.mean())

    def symmetric_mean(self) -> float:
        """Mean of the distances of both surfaces together."""
        return float(self.pooled.mean())

    def surface_dice(self, tolerance: float) -> float:
        """Share of both surfaces' voxels that lie within the tolerance of the other surface, 0..1."""
        return float((self.pooled <= tolerance).mean())


def surface_distances(prediction: BoolArray, truth: BoolArray, spacing: Sequence[float]) -> SurfaceDistances:
    """Surface to surface distances of two masks (X, Y, Z) in the unit of `spacing` (1, 1, 1 for voxels).

    Raises ValueError when a mask is empty: no distance is defined then.
    """
    if not prediction.any() or not truth.any():
        raise ValueError("Surface distances need two masks that are not empty.")
    from metrics.kernels.distance_transform import squared_distance_transform

    box = bounding_box(prediction | truth)
    prediction_surface, truth_surface = surface(prediction[box]), surface(truth[box])
    sizes = np.array(spacing, dtype=np.float64)
    return SurfaceDistances(
        from_truth=np.sqrt(squared_distance_transform(prediction_surface, sizes)[truth_surface]),
        from_prediction=np.sqrt(squared_distance_transform(truth_surface, sizes)[prediction_surface]),
    )
