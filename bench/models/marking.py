"""What of a map is marked: the voxels above the threshold, without specks.

Boards dilate predictions as the paper does, so that a mask says there less than where lesions may reach. Here it says
what lies above the threshold, and the share of healthy voxels that does is what the threshold was chosen by.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from datasets.case import BoolArray
from metrics.postprocess import segmentation
from metrics.protocol import protocol

MARKING = replace(protocol("paper"), name="marking", dilate=False)
IN_WORDS = f"components of fewer than {MARKING.min_voxels} voxels removed, not dilated"


def marked(anomaly_map: npt.NDArray[np.floating], brain_mask: BoolArray, threshold: float) -> BoolArray:
    """The mask (X, Y, Z) of a map on the prepared grid."""
    return segmentation(anomaly_map, brain_mask, threshold, MARKING)
