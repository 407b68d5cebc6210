"""Lesions found and false alarms by connected components (paper, Evaluation: component-wise metrics)."""

from dataclasses import dataclass
from typing import NamedTuple

import cc3d
import numpy as np

from metrics.morphology import BoolArray, bounding_box
from metrics.protocol import Protocol


@dataclass(frozen=True)
class Components:
    """Connected components of one prediction and one ground truth; two touch when they share a voxel.

    predicted: number of predicted components.
    touching: how many of them touch a lesion; the others are false.
    lesion_voxels: size of each lesion component, in voxels.
    found: whether each lesion component is touched by the prediction.
    """

    predicted: int
    touching: int
    lesion_voxels: tuple[int, ...]
    found: tuple[bool, ...]

    @property
    def false(self) -> int:
        """Predicted components that touch no lesion."""
        return self.predicted - self.touching

    @property
    def missed(self) -> int:
        """Lesion components that no prediction touches."""
        return len(self.found) - sum(self.found)


def components(prediction: BoolArray, truth: BoolArray, connectivity: int) -> Components:
    """Label both masks (X, Y, Z) with 6, 18 or 26 neighbours and see which components touch."""
    if (either := prediction | truth).any():
        box = bounding_box(either)
        prediction, truth = prediction[box], truth[box]
    predicted, predicted_count = cc3d.connected_components(prediction, connectivity=connectivity, return_N=True)
    lesions, lesion_count = cc3d.connected_components(truth, connectivity=connectivity, return_N=True)
    overlap = prediction & truth
    sizes = np.bincount(lesions.ravel(), minlength=lesion_count + 1)[1:]
    found = np.zeros(lesion_count + 1, dtype=bool)
    found[lesions[overlap]] = True
    return Components(
        predicted=int(predicted_count),
        touching=np.unique(predicted[overlap]).size,
        lesion_voxels=tuple(sizes.tolist()),
        found=tuple(found[1:].tolist()),
    )


class DetectionRates(NamedTuple):
    """Each in 0..1, higher is better."""

    tpr: float
    ppv: float
    f1: float


def detection_rates(counts: Components, protocol: Protocol) -> DetectionRates:
    """TPR = TP / (TP + FN), PPV = TP / (TP + FP) and their harmonic mean F1; 0 where nothing is found.

    TP counts predicted components or lesions, as the protocol says; FN lesions missed; FP false components.
    Not defined for an empty ground truth: the caller leaves that case out.
    """
    true_positives = counts.touching if protocol.true_positives == "predicted" else sum(counts.found)
    if true_positives == 0:
        return DetectionRates(0.0, 0.0, 0.0)
    tpr = true_positives / (true_positives + counts.missed)
    ppv = true_positives / (true_positives + counts.false)
    return DetectionRates(tpr, ppv, 2 * tpr * ppv / (tpr + ppv))
