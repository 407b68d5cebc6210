"""Checks of what `evaluate_case` is given: one clear sentence each."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from metrics.morphology import BoolArray

FloatT = TypeVar("FloatT", bound=np.floating[Any])


def checked_mask(mask: npt.NDArray[np.generic], name: str, shape: tuple[int, ...]) -> BoolArray:
    """The mask as bool; raises ValueError unless it has this 3D shape and holds only 0 and 1."""
    mask = np.asarray(mask)
    if len(shape) != 3 or mask.shape != tuple(shape):
        raise ValueError(
            f"The {name} has shape {mask.shape}, the anomaly map {tuple(shape)}: both must be one 3D shape."
        )
    as_bool: BoolArray = mask.astype(bool, copy=False)
    if mask.dtype.kind not in "biuf" or not np.array_equal(as_bool, mask):
        raise ValueError(f"The {name} holds other values than 0 and 1: binarise it first.")
    return as_bool


def checked_map(anomaly_map: npt.NDArray[np.floating], brain_mask: BoolArray) -> npt.NDArray[np.float64]:
    """The map as float64, its lowest brain value outside the brain.

    Raises ValueError for an empty brain or a value in it that is not finite.
    """
    if not brain_mask.any():
        raise ValueError("The brain mask is empty: there is nothing to evaluate.")
    anomaly_map = np.asarray(anomaly_map)
    if anomaly_map.dtype.kind not in "iuf":
        raise ValueError(f"The anomaly map holds {anomaly_map.dtype} values: it must hold real numbers.")
    not_finite = int(np.count_nonzero(~np.isfinite(anomaly_map[brain_mask])))
    if not_finite:
        raise ValueError(
            f"The anomaly map is NaN or infinite in {not_finite} brain voxels: every score must be finite."
        )
    return lowest_outside(anomaly_map, brain_mask).astype(np.float64)


def lowest_outside(anomaly_map: npt.NDArray[FloatT], brain_mask: BoolArray) -> npt.NDArray[FloatT]:
    """The map (X, Y, Z) with its lowest brain value everywhere outside the brain.

    So nothing outside is ever above a threshold that some brain voxel does not exceed, whatever the map's sign, and
    what stood there before does not count.
    """
    return np.where(brain_mask, anomaly_map, anomaly_map[brain_mask].min())


def checked_spacing(spacing_mm: Sequence[float]) -> tuple[float, float, float]:
    """The voxel size as three floats; raises ValueError unless all are positive and finite."""
    spacing = tuple(float(size) for size in spacing_mm)
    if len(spacing) != 3 or not all(0 < size < float("inf") for size in spacing):
        raise ValueError(f"spacing_mm must be three positive numbers, not {tuple(spacing_mm)}.")
    return spacing[0], spacing[1], spacing[2]
