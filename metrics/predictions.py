"""The predictions of all thresholds at once, as bits: before they are dilated, each voxel survives post-processing
for one interval of thresholds, because components only grow as the threshold falls."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.morphology import BoolArray, bounding_box, neighbours, rim
from metrics.protocol import Protocol


@dataclass(frozen=True)
class Predictions:
    """Predictions inside a box of the volume, flat, with one layer of empty voxels around it.

    rows: (N, words) uint64; bit k of a voxel's row says whether the prediction of threshold k holds it.
    box, shape: the part of the volume, and its shape with the layer around it; N is their product.
    """

    rows: npt.NDArray[np.uint64]
    box: tuple[slice, slice, slice]
    shape: tuple[int, ...]

    def padded(self, volume: BoolArray) -> BoolArray:
        """The box of another volume (X, Y, Z) with the layer around it."""
        return np.pad(volume[self.box], 1)

    def steps(self, connectivity: int) -> npt.NDArray[np.int64]:
        """Steps to all neighbours of a voxel in the flat box."""
        return flat_steps(connectivity, self.shape)


def predictions_at(
    anomaly_map: npt.NDArray[np.floating],
    truth: BoolArray,
    brain_mask: BoolArray,
    thresholds: npt.NDArray[np.float64],
    protocol: Protocol,
    min_voxels: int,
) -> Predictions:
    """What `metrics.postprocess.segmentation` gives at each of the ascending thresholds, components of fewer than
    `min_voxels` removed, in a box that holds the truth as well. Arrays are (X, Y, Z)."""
    from metrics.kernels.bits import bits_before
    from metrics.kernels.surfaces import predictions
    from metrics.kernels.survival import survival

    active = (anomaly_map > thresholds[0]) & brain_mask
    anything = active | truth
    box = bounding_box(anything if anything.any() else brain_mask, margin=1)
    inside = np.pad(active[box], 1)
    shape = inside.shape
    voxels = np.flatnonzero(inside)
    level = np.zeros(shape, dtype=np.int16).ravel()
    level[voxels] = np.searchsorted(thresholds, anomaly_map[box][active[box]], side="left")
    order = voxels[np.argsort(-level[voxels], kind="stable")]
    on_rim = np.pad(rim(brain_mask, protocol.rim_radius)[box], 1).ravel()
    first, last = survival(order, level, on_rim, flat_steps(protocol.removal_connectivity, shape), min_voxels)
    allowed = np.pad((brain_mask if protocol.dilate_inside_brain else np.ones_like(brain_mask))[box], 1).ravel()
    spread = np.append(flat_steps(6, shape), 0) if protocol.dilate else np.array([0])
    return Predictions(predictions(order, first, last, bits_before(len(thresholds)), spread, allowed), box, shape)


def flat_steps(connectivity: int, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Steps to all neighbours of a voxel in a flat volume of this shape."""
    return np.asarray(neighbours(connectivity) @ [shape[1] * shape[2], shape[2], 1])
