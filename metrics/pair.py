"""What the metrics of one prediction and one ground truth share, each thing computed once, when first asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from metrics.components import Components, DetectionRates, components, detection_rates
from metrics.morphology import BoolArray, diagonal
from metrics.protocol import Protocol
from metrics.surface import SurfaceDistances, surface_distances
from metrics.voxelwise import Ranking, ranking

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and the ground truth it is compared with.

    Args:
        prediction: (X, Y, Z) bool, post-processed.
        truth: (X, Y, Z) bool, as the protocol wants it.
        scores: The anomaly map, (X, Y, Z) float64, its lowest brain value outside the brain.
        brain_mask: (X, Y, Z) bool, not empty.
        spacing_mm: Voxel size along each axis.
        protocol: How pairs are measured.
    """

    prediction: BoolArray
    truth: BoolArray
    scores: npt.NDArray[np.float64]
    brain_mask: BoolArray
    spacing_mm: tuple[float, float, float]
    protocol: Protocol
    _shared: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, compute: Callable[["Pair"], T]) -> T:
        """What a function gives for this pair, computed once for all metrics that ask for it."""
        if compute not in self._shared:
            self._shared[compute] = compute(self)
        shared: T = self._shared[compute]
        return shared

    @cached_property
    def no_prediction(self) -> bool:
        """Whether nothing is predicted."""
        return not self.prediction.any()

    @cached_property
    def no_truth(self) -> bool:
        """Whether the case has no lesion."""
        return not self.truth.any()

    @cached_property
    def connected_components(self) -> Components:
        """Lesions found and missed, predictions true and false; either mask may be empty."""
        return components(self.prediction, self.truth, self.protocol.component_connectivity)

    @cached_property
    def detection_rates(self) -> DetectionRates:
        """TPR, PPV and F1; not defined for an empty ground truth."""
        return detection_rates(self.connected_components, self.protocol)

    @cached_property
    def ranking(self) -> Ranking:
        """How well the map ranks lesion voxels inside the brain."""
        return ranking(self.scores[self.brain_mask], self.truth[self.brain_mask])

    @cached_property
    def distances_voxel(self) -> SurfaceDistances:
        """Between the surfaces of both masks, in voxels; ValueError when one is empty."""
        return surface_distances(self.prediction, self.truth, (1.0, 1.0, 1.0))

    @cached_property
    def distances_mm(self) -> SurfaceDistances:
        """The same in mm."""
        if min(self.spacing_mm) == max(self.spacing_mm):
            return self.distances_voxel.scaled(self.spacing_mm[0])
        return surface_distances(self.prediction, self.truth, self.spacing_mm)

    @cached_property
    def brain_diagonal_voxel(self) -> float:
        """Length of the diagonal of the brain's bounding box: no distance is longer."""
        return diagonal(self.brain_mask, (1, 1, 1))

    @cached_property
    def brain_diagonal_mm(self) -> float:
        """The same in mm."""
        return diagonal(self.brain_mask, self.spacing_mm)

    @property
    def voxel_ml(self) -> float:
        """The volume of a voxel."""
        return float(np.prod(self.spacing_mm)) / 1000
