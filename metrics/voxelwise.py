"""Voxel by voxel: Dice of a segmentation, and how well a map ranks lesion voxels inside the brain."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metrics.morphology import BoolArray


def dice(prediction: BoolArray, truth: BoolArray) -> float:
    """Twice the overlap over the sum of both sizes, 0..1; raises ValueError when both masks are empty."""
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    if total == 0:
        raise ValueError("Dice is not defined for two empty masks.")
    return 2 * int(np.count_nonzero(prediction & truth)) / int(total)


@dataclass(frozen=True)
class Ranking:
    """How well a map ranks lesion voxels above the others; each in 0..1, None where it is not defined.

    average_precision: sum of precision times the gain in recall over all distinct thresholds.
    auroc: probability that a lesion voxel scores above another voxel, ties counting one half.
    best_dice: the largest Dice of `map >= threshold` over all thresholds, without post-processing.
    """

    average_precision: float | None
    auroc: float | None
    best_dice: float | None


def ranking(scores: npt.NDArray[np.floating], labels: BoolArray) -> Ranking:
    """Rank the voxels of one brain: scores (N,), labels (N,) true in lesions.

    Only thresholds at lesion voxels matter: elsewhere recall stands still and Dice cannot rise. So sorting the
    other voxels once, and counting those above each lesion voxel, serves all three.
    """
    others = np.sort(scores[~labels])
    values, ties = np.unique(scores[labels], return_counts=True)
    if len(values) == 0:
        return Ranking(None, None, None)
    positives = int(ties.sum())
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    true_positives = np.cumsum(ties[::-1])[::-1]
    predicted = true_positives + len(others) - below
    return Ranking(
        average_precision=float(np.sum(ties * true_positives / predicted) / positives),
        auroc=float(np.sum(ties * (below + not_above)) / (2 * positives * len(others))) if len(others) else None,
        best_dice=float(np.max(2 * true_positives / (predicted + positives))),
    )
