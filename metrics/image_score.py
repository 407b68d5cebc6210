"""One number for a whole case: how anomalous the most anomalous part of its brain is."""

import numpy as np
import numpy.typing as npt

from metrics.inputs import checked_map, checked_mask

NAME = "top1"  # what the number is called wherever it is written down
TOP_SHARE = 0.01


def image_score(
    anomaly_map: npt.NDArray[np.floating], brain_mask: npt.NDArray[np.generic], share: float = TOP_SHARE
) -> float:
    """The mean of the highest values of a map inside the brain.

    A single voxel says little, and the mean of the whole brain drowns a small lesion: a hundredth of a brain is about
    15 ml, as much as a fair lesion load.

    Args:
        anomaly_map: (X, Y, Z), higher = more anomalous.
        brain_mask: (X, Y, Z) bool, not empty.
        share: Of the brain's voxels, rounded up, so that there is at least one.

    Raises:
        ValueError: For a share outside 0..1, or input that `evaluate_case` refuses.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie within 0..1, not {share}.")
    brain = checked_mask(brain_mask, "brain mask", np.shape(anomaly_map))
    values = checked_map(anomaly_map, brain)[brain]
    count = int(np.ceil(share * values.size))
    return float(np.partition(values, -count)[-count:].mean())
