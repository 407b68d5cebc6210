"""From a scan on its own grid to a prepared case, and back: the same steps for every dataset.

Canonical orientation (RAS), 2 mm isotropic, cropped by the largest training brain mask, padded to a multiple
of 16, each channel scaled from its percentiles to [-1, 1] with background -1 (paper, section 4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, Case, FloatArray, NativeGrid
from datasets.preparing.grids import same_grid, whole_voxel_transform
from datasets.preparing.resampling import Shape, VolumeT, resample

Index: TypeAlias = npt.NDArray[np.int64]
FloatsMm: TypeAlias = npt.NDArray[np.float64]

VERSION = 1  # part of fingerprints: raise it when prepared cases change
SPACING_MM = 2.0
SHAPE_MULTIPLE = 16
PERCENTILES = (0.01, 99.9)
INSIDE_FRAME = 0.99  # share of a brain that must lie in the training box for the box to be used as it stands


@dataclass(frozen=True)
class Scan:
    """One subject on its own grid, intensities as they come.

    images: (C, X, Y, Z) float32; brain_mask, lesion_mask: (X, Y, Z) bool; affine: (4, 4) voxel -> mm RAS+.
    space: NIfTI's code of what the affine leads to, 2 (the space of another file) where nothing else is known.
    """

    id: str
    images: FloatArray
    brain_mask: BoolArray
    lesion_mask: BoolArray | None
    affine: Affine
    channels: tuple[str, ...]
    space: int = 2


@dataclass(frozen=True)
class Extent:
    """Where a brain lies on its own grid: first and last voxel of its mask along each axis."""

    grid: NativeGrid
    first: Shape
    last: Shape


@dataclass(frozen=True)
class Frame:
    """The box that cases are prepared in: shape in voxels of 2 mm, a multiple of 16 along each axis.

    affine: its place, when the training subjects share one space (a template); None when each case's box is
    centred on its own brain.
    """

    shape: Shape
    affine: Affine | None


def extent(brain_mask: BoolArray, affine: Affine) -> Extent:
    """The extent of a brain mask (X, Y, Z), which must not be empty."""
    first, last = [], []
    for axis in range(3):
        occupied = np.flatnonzero(brain_mask.any(axis=tuple({0, 1, 2} - {axis})))
        first.append(int(occupied[0]))
        last.append(int(occupied[-1]))
    x, y, z = brain_mask.shape
    return Extent(NativeGrid((x, y, z), affine), (first[0], first[1], first[2]), (last[0], last[1], last[2]))


def training_frame(extents: Sequence[Extent]) -> Frame:
    """The box that holds the brains of the training subjects.

    Subjects on one and the same grid count as registered to one template: the box holds them all where they
    lie. Otherwise it is as large as the largest brain along each axis. The box is grown, about its centre,
    to multiples of 16, so that the padding holds image where there is some.
    """
    reference = extents[0].grid
    if all(same_grid(one.grid.shape, one.grid.affine, reference.shape, reference.affine) for one in extents):
        first = np.min([one.first for one in extents], axis=0)
        last = np.max([one.last for one in extents], axis=0)
        shape = frame_shape(box_size_mm(first, last, reference.affine))
        return Frame(shape, snapped(centred_affine(first, last, reference.affine, shape), reference.affine))
    sizes = [box_size_mm(np.array(one.first), np.array(one.last), one.grid.affine) for one in extents]
    return Frame(frame_shape(np.max(sizes, axis=0)), None)


def prepare(scan: Scan, frame: Frame, affine: Affine | None = None) -> Case:
    """The prepared case. BenchError when a channel has no contrast or the brain is lost.

    affine: where the box lies, voxel of the box -> mm of the subject, if alignment found that; any affine, so
    the voxels of the case are 2 mm in training space and larger or smaller in the subject.
    """
    affine = box_affine(scan, frame) if affine is None else affine
    brain_mask = resample(scan.brain_mask, scan.affine, affine, frame.shape)
    if not brain_mask.any():
        raise BenchError(f"{scan.id} has no brain left at 2 mm; check its brain mask and voxel size.")
    lesion_mask = None
    if scan.lesion_mask is not None:
        lesion_mask = resample(scan.lesion_mask, scan.affine, affine, frame.shape)
    channels = []
    for name, native_image in zip(scan.channels, scan.images, strict=True):
        background = background_level(native_image, scan.brain_mask)
        image = np.where(scan.brain_mask, native_image, np.float32(background))
        image = resample(image, scan.affine, affine, frame.shape, outside=background)
        image[~brain_mask] = background
        low, high = np.percentile(image, PERCENTILES)
        if not high > low:
            raise BenchError(f"{scan.id} has no contrast in its {name} image; remove it or replace it.")
        scaled = np.clip((image - low) / (high - low) * 2 - 1, -1, 1).astype(np.float32)
        scaled[~brain_mask] = -1
        channels.append(scaled)
    x, y, z = scan.brain_mask.shape
    return Case(
        id=scan.id,
        image=np.stack(channels),
        brain_mask=brain_mask,
        lesion_mask=lesion_mask,
        affine=affine,
        channels=scan.channels,
        native=NativeGrid((x, y, z), scan.affine, scan.space),
    )


def to_native(volume: VolumeT, case: Case, outside: float = 0.0) -> VolumeT:
    """A map (X, Y, Z) of the case (float: linear; bool: nearest) on the subject's own grid.

    Bit for bit the same voxels when that grid has 2 mm voxels; `outside` beyond the prepared box.
    """
    if case.native is None:
        return volume.copy()
    return resample(volume, case.affine, case.native.affine, case.native.shape, outside)


def background_level(image: FloatArray, brain_mask: BoolArray) -> float:
    """The intensity that becomes background: the value of the array's corners when they agree, else 0.

    Where over 1 % of the brain is darker than that, the image was normalised (negative values, say): then the
    brain's own 0.1 percentile.
    """
    level = corner_value(image) or 0.0
    brain = image[brain_mask]
    return float(np.percentile(brain, 0.1)) if np.mean(brain < level) > 0.01 else level


def corner_value(image: FloatArray) -> float | None:
    """The background of a brain-extracted image: the value of its eight corners, None when they differ."""
    x, y, z = (max(n - 1, 1) for n in image.shape)
    corners = image[::x, ::y, ::z]
    return float(corners.flat[0]) if np.ptp(corners) == 0 else None


def box_affine(scan: Scan, frame: Frame) -> Affine:
    """Where the frame's box lies for this scan; on its own voxels when these have 2 mm already."""
    if frame.affine is not None:
        affine = snapped(frame.affine, scan.affine)
        to_box = np.linalg.inv(affine) @ scan.affine
        index = np.argwhere(scan.brain_mask) @ to_box[:3, :3].T + to_box[:3, 3]
        inside = np.all((index > -0.5) & (index < np.array(frame.shape) - 0.5), axis=1)
        if inside.mean() >= INSIDE_FRAME:
            return affine
    own = extent(scan.brain_mask, scan.affine)
    centred = centred_affine(np.array(own.first), np.array(own.last), scan.affine, frame.shape)
    return snapped(centred, scan.affine)


def canonical_axes(affine: Affine) -> tuple[Affine, Affine]:
    """Of a grid turned to RAS: its axes as unit vectors in the columns of a (3, 3) matrix, and the (3, 3)
    matrix that takes sizes along its own axes to sizes along these."""
    import nibabel

    orientation = nibabel.io_orientation(affine)
    permutation = np.zeros((3, 3))
    permutation[orientation[:, 0].astype(int), np.arange(3)] = 1
    flips = np.diag(orientation[:, 1])
    axes: Affine = (affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)) @ flips @ permutation.T
    return axes, permutation


def box_size_mm(first: Index, last: Index, affine: Affine) -> FloatsMm:
    """Size along R, A and S of a box given by its first and last voxel, in mm."""
    _, permutation = canonical_axes(affine)
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    size_mm: FloatsMm = permutation @ ((last - first + 1) * spacing_mm)
    return size_mm


def frame_shape(size_mm: FloatsMm) -> Shape:
    """The smallest shape, a multiple of 16, that holds a size in mm."""
    blocks = np.ceil(np.round(size_mm / (SPACING_MM * SHAPE_MULTIPLE), 6)).astype(int)
    x, y, z = (int(block) * SHAPE_MULTIPLE for block in blocks)
    return x, y, z


def centred_affine(first: Index, last: Index, affine: Affine, shape: Shape) -> Affine:
    """The affine of a 2 mm RAS box of this shape about the centre of a voxel range."""
    axes, _ = canonical_axes(affine)
    centre_mm = affine[:3, :3] @ ((first + last) / 2) + affine[:3, 3]
    result: Affine = np.eye(4)
    result[:3, :3] = axes * SPACING_MM
    result[:3, 3] = centre_mm - result[:3, :3] @ ((np.array(shape) - 1) / 2)
    return result


def snapped(affine: Affine, grid_affine: Affine) -> Affine:
    """The box moved by up to half a voxel onto a grid of the same axes and spacing; unchanged otherwise."""
    transform = np.linalg.inv(grid_affine) @ affine
    transform[:3, 3] = np.round(np.round(transform[:3, 3], 3))  # the inner one: ties must not hang on the 12th digit
    if whole_voxel_transform(transform, (256, 256, 256)) is None:
        return affine
    on_grid: Affine = grid_affine @ np.round(transform)
    return on_grid
