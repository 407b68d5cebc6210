"""Move a volume from one voxel grid to another, by affines: any spacing, orientation and obliqueness."""

from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from datasets.case import Affine, BoolArray, FloatArray, ScoreArray
from datasets.preparing.grids import whole_voxel_transform

VolumeT = TypeVar("VolumeT", FloatArray, ScoreArray, BoolArray)
Shape = tuple[int, int, int]


def resample(volume: VolumeT, affine: Affine, to_affine: Affine, to_shape: Shape, outside: float = 0.0) -> VolumeT:
    """The volume (X, Y, Z) as seen on another grid, `outside` where it does not reach.

    Voxels are copied bit for bit when the grids are aligned and equal in spacing (flips, permuted axes and
    whole-voxel shifts included). Otherwise float volumes are interpolated linearly, after a Gaussian blur
    along the axes that lose resolution, and bool volumes take the nearest voxel. Affines: voxel -> mm RAS+.
    """
    transform = np.linalg.inv(affine) @ to_affine  # index on the new grid -> index on the old one
    whole = whole_voxel_transform(transform, to_shape)
    if whole is not None:
        return copied(volume, whole, to_shape, outside)
    return interpolated(volume, transform, to_shape, outside)


def copied(volume: VolumeT, whole: npt.NDArray[np.int64], to_shape: Shape, outside: float) -> VolumeT:
    """`resample` for aligned grids."""
    source_axes = np.abs(whole[:3, :3]).argmax(axis=0)
    turned = volume.transpose(source_axes)
    result = np.full(to_shape, outside, dtype=volume.dtype)
    targets, sources = [], []
    for axis, source_axis in enumerate(source_axes):
        index = whole[source_axis, axis] * np.arange(to_shape[axis]) + whole[source_axis, 3]
        inside = (index >= 0) & (index < turned.shape[axis])
        targets.append(np.flatnonzero(inside))
        sources.append(index[inside])
    result[np.ix_(*targets)] = turned[np.ix_(*sources)]
    return cast(VolumeT, result)


def interpolated(volume: VolumeT, transform: Affine, to_shape: Shape, outside: float) -> VolumeT:
    """`resample` for all other grids."""
    from scipy import ndimage

    # grid-constant: a voxel at the array's edge reaches half a voxel out, as any other
    where: dict[str, Any] = {
        "matrix": transform[:3, :3],
        "offset": transform[:3, 3],
        "output_shape": to_shape,
        "mode": "grid-constant",
    }
    if volume.dtype == np.bool_:
        nearest = ndimage.affine_transform(volume.astype(np.uint8), order=0, **where)
        return cast(VolumeT, nearest.astype(bool))
    coarsening = np.linalg.norm(transform[:3, :3], axis=1)
    sigma_voxels = np.maximum(0, (coarsening - 1) / 2)  # anti-aliasing as in scikit-image's `resize`
    if sigma_voxels.any():
        volume = ndimage.gaussian_filter(volume, sigma_voxels, mode="constant", cval=outside)
    linear = ndimage.affine_transform(volume, order=1, cval=outside, **where)
    return cast(VolumeT, linear)
