"""From thresholded voxels to the segmentation that is measured."""

import cc3d
import numpy as np
import numpy.typing as npt

from metrics.morphology import BoolArray, bounding_box, dilated, rim
from metrics.protocol import Protocol


def without_components(
    mask: BoolArray, connectivity: int, min_voxels: int, forbidden: BoolArray | None = None
) -> BoolArray:
    """The mask (X, Y, Z) without components of fewer than `min_voxels` or in touch with `forbidden`."""
    kept = np.zeros_like(mask)
    if not mask.any():
        return kept
    box = bounding_box(mask)
    labels = cc3d.connected_components(mask[box], connectivity=connectivity)
    keep = np.bincount(labels.ravel()) >= min_voxels
    keep[0] = False
    if forbidden is not None:
        keep[labels[forbidden[box]]] = False
    kept[box] = keep[labels]
    return kept


def segmentation(
    anomaly_map: npt.NDArray[np.floating],
    brain_mask: BoolArray,
    threshold: float,
    protocol: Protocol,
    *,
    searching: bool = False,
) -> BoolArray:
    """The prediction (X, Y, Z): voxels of the brain above the threshold, post-processed as the protocol says.

    searching: use the smallest component size of the threshold search instead of that of the scoring.
    """
    # A Python float would be rounded to the map's own precision before the comparison.
    above = (anomaly_map > np.float64(threshold)) & brain_mask
    min_voxels = protocol.search_min_voxels if searching else protocol.min_voxels
    kept = without_components(above, protocol.removal_connectivity, min_voxels, _rim(brain_mask, protocol))
    if not protocol.dilate:
        return kept
    grown = dilated(kept)
    return grown & brain_mask if protocol.dilate_inside_brain else grown


def ground_truth(lesion_mask: BoolArray, brain_mask: BoolArray, protocol: Protocol) -> BoolArray:
    """The ground truth (X, Y, Z) that predictions are compared with."""
    if not protocol.postprocess_truth:
        return lesion_mask
    return without_components(
        lesion_mask, protocol.removal_connectivity, protocol.min_voxels, _rim(brain_mask, protocol)
    )


def _rim(brain_mask: BoolArray, protocol: Protocol) -> BoolArray | None:
    return rim(brain_mask, protocol.rim_radius) if protocol.rim_radius else None
