"""Lesion masks in MNI152 1 mm space, by size class: procedural, or real ones from a folder.

A mask is a sorted array of flat voxel indices of the MNI grid; a voxel is 1 mm^3, so its length is its volume.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.files import read_mask, visible_files
from datasets.case import Affine

VoxelIndices: TypeAlias = npt.NDArray[np.int64]
MNI_SHAPE = (182, 218, 182)
MNI_AFFINE: Affine = np.array([[-1, 0, 0, 90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1]], dtype=np.float64)


@dataclass(frozen=True)
class SizeClass:
    """Lesions of one size, and how procedural ones are drawn.

    folder: its name in an atlas, from the volume of one lesion in mm^3; a mask mostly holds two lesions.
    ceiling_mm3: while more load than this remains, the class is drawn from.
    masks: how many the simulator's own database has; as many failed draws end the class.
    volume_mm3: median volume of a mask; log_sd: spread of its logarithm; at_least_mm3, at_most_mm3: its range.
    axes_mm: standard deviations of the voxels of one lesion along its principal axes.
    irregularity: how far the outline departs from an ellipsoid.
    """

    folder: str
    ceiling_mm3: int
    masks: int
    volume_mm3: int
    log_sd: float
    at_least_mm3: int
    at_most_mm3: int
    axes_mm: tuple[float, float, float]
    irregularity: float


# Largest first. Ceilings, numbers of masks and median volumes: the MSLesionSimulator and its database
# (da S Senra Filho 2019); axes: medians measured on 40 masks a class.
SIZE_CLASSES = (
    SizeClass("5000-more", 15000, 76, 28270, 0.7, 6000, 110000, (22.5, 10.3, 4.4), 2.5),
    SizeClass("1000-5000", 5000, 118, 2949, 0.4, 1400, 9000, (10.4, 3.9, 2.4), 2.0),
    SizeClass("500-1000", 1000, 139, 1153, 0.2, 700, 2000, (5.1, 2.6, 1.6), 1.8),
    SizeClass("100-500", 500, 945, 295, 0.4, 150, 1000, (3.2, 1.8, 1.1), 1.5),
    SizeClass("50-100", 100, 951, 125, 0.25, 60, 200, (1.9, 1.1, 0.8), 1.0),
)


class LesionShapes(Protocol):
    """Where masks come from."""

    def count(self, size: SizeClass) -> int:
        """How many masks a class has."""

    def draw(self, size: SizeClass, at_most_mm3: float, rng: np.random.Generator) -> VoxelIndices | None:
        """A mask of the class at random; None when it is larger than `at_most_mm3`."""


@cache
def lesion_shapes(atlas: Path | None) -> LesionShapes:
    """The masks of an atlas folder, or procedural ones. BenchError when the folder cannot be used.

    Kept for the next case, because a real mask takes a third of a second to read.
    """
    return AtlasShapes(atlas) if atlas is not None else ProceduralShapes()


class AtlasShapes:
    """Real masks, SIZECLASS/N.nii.gz, each read once."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BenchError(f"The lesion atlas {folder} does not exist; name a folder of SIZECLASS/N.nii.gz.")
        self._files = {size.folder: visible_files(folder / size.folder, "*.nii.gz") for size in SIZE_CLASSES}
        self._masks: dict[Path, VoxelIndices] = {}
        for name, files in self._files.items():
            if not files:
                raise BenchError(
                    f"The lesion atlas {folder} has no masks of the size class {name}; add {folder / name}/N.nii.gz."
                )

    def count(self, size: SizeClass) -> int:
        return len(self._files[size.folder])

    def draw(self, size: SizeClass, at_most_mm3: float, rng: np.random.Generator) -> VoxelIndices | None:
        files = self._files[size.folder]
        path = files[rng.integers(len(files))]
        if path not in self._masks:
            self._masks[path] = read_atlas_mask(path)
        mask = self._masks[path]
        return mask if len(mask) <= at_most_mm3 else None


def read_atlas_mask(path: Path) -> VoxelIndices:
    """One mask file of 1 mm voxels in MNI152 space. BenchError when it is something else."""
    voxels, affine = read_mask(path)
    if not np.allclose(np.abs(affine[:3, :3]), np.eye(3), atol=1e-3):
        raise BenchError(f"{path} does not have 1 mm voxels along x, y, z; resample it to MNI152 1 mm space.")
    mask = mni_indices(np.argwhere(voxels) @ affine[:3, :3].T + affine[:3, 3])
    if not len(mask):
        raise BenchError(f"{path} holds no lesion inside MNI152 space; remove it.")
    return mask


def mni_indices(points_mm: npt.NDArray[np.floating[Any]]) -> VoxelIndices:
    """The voxels of the MNI grid in which points (N, 3) lie; those outside the grid are left out."""
    to_voxel = np.linalg.inv(MNI_AFFINE)
    voxels = np.rint(points_mm @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.int64)
    inside = np.all((voxels >= 0) & (voxels < MNI_SHAPE), axis=1)
    return np.unique(np.ravel_multi_index(tuple(voxels[inside].T), MNI_SHAPE))


@dataclass(frozen=True)
class WhiteMatter:
    """Where procedural lesions may lie: fraction of white matter on the phantom's grid, in [0, 1], and the
    places (N, 3), in mm, on the right side near the ventricles, with their probabilities (N,)."""

    fraction: npt.NDArray[np.float32]
    to_voxel: Affine
    places_mm: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float64]


@cache
def periventricular_white_matter() -> WhiteMatter:
    """White matter near the lateral ventricles in the ICBM152 maps, at y -60..25 mm and z -20..45 mm."""
    from scipy import ndimage

    from datasets.synthesis.anatomy import SPACING_MM, Template, load_template, phantom_affine

    maps = dict(zip(Template.CHANNELS, load_template().maps.numpy(), strict=True))
    ventricles = (maps["csf"] > 0.5) & (maps["deep"] > 0.5)
    distance_mm = SPACING_MM * ndimage.distance_transform_edt(~ventricles)
    affine = phantom_affine()
    voxels = np.argwhere((maps["wm"] > 0.8) & (distance_mm < 25))
    places = voxels @ affine[:3, :3].T + affine[:3, 3]
    x, y, z = places.T
    wanted = (x > 6) & (y > -60) & (y < 25) & (z > -20) & (z < 45)
    weights = np.exp(-distance_mm[tuple(voxels[wanted].T)] / 10)
    to_voxel: Affine = np.linalg.inv(affine).astype(np.float64)
    return WhiteMatter(maps["wm"], to_voxel, places[wanted], weights / weights.sum())


class ProceduralShapes:
    """Elongated, irregular lesions in periventricular white matter, each with a counterpart on the other side."""

    def count(self, size: SizeClass) -> int:
        return size.masks

    def draw(self, size: SizeClass, at_most_mm3: float, rng: np.random.Generator) -> VoxelIndices | None:
        drawn_mm3 = size.volume_mm3 * np.exp(size.log_sd * rng.standard_normal())
        volume_mm3 = float(np.clip(drawn_mm3, size.at_least_mm3, size.at_most_mm3))
        if volume_mm3 > at_most_mm3:
            return None
        where = periventricular_white_matter()
        centre_mm = where.places_mm[rng.choice(len(where.places_mm), p=where.probabilities)]
        axes = random_axes(rng)
        lesion = irregular_ellipsoid(centre_mm, axes, size, int(volume_mm3 / 2), where, rng)
        mirror = np.array([-1.0, 1.0, 1.0])
        counterpart = irregular_ellipsoid(
            centre_mm * mirror, axes * mirror[:, None], size, int(volume_mm3 / 2), where, rng
        )
        return mni_indices(np.concatenate([lesion, counterpart]))


def random_axes(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Three orthonormal axes as columns; the first, the longest, leans to front-back, along the ventricles."""
    leaning = np.array([[0.3, 0.0, 0.8], [1.0, 0.2, 0.0], [0.3, 0.8, 0.2]]) + 0.3 * rng.standard_normal((3, 3))
    axes, _ = np.linalg.qr(leaning)
    return np.asarray(axes)


def irregular_ellipsoid(
    centre_mm: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64],
    size: SizeClass,
    volume_mm3: int,
    where: WhiteMatter,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """The points (volume_mm3, 3), in mm on the 1 mm grid, of one lesion.

    Those voxels are taken that are nearest to the centre, measured along the axes, where smooth noise shifts
    the distance and places outside white matter count as further away.
    """
    from scipy import ndimage

    spread_mm = np.array(size.axes_mm)
    reach_mm = 2 + 2.6 * np.sqrt(axes**2 @ spread_mm**2)
    low, high = np.floor(centre_mm - reach_mm), np.ceil(centre_mm + reach_mm)
    shape = (high - low + 1).astype(int)
    points = np.indices(shape).reshape(3, -1).T + low
    distance = (((points - centre_mm) @ axes / spread_mm) ** 2).sum(1)
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 1.0 + 0.4 * spread_mm[1], mode="wrap").ravel()
    voxels = np.rint(points @ where.to_voxel[:3, :3].T + where.to_voxel[:3, 3]).astype(int)
    voxels = np.clip(voxels, 0, np.array(where.fraction.shape) - 1)
    outside = 1 - where.fraction[tuple(voxels.T)]
    cost = distance + size.irregularity * (noise / noise.std() + 2 * outside)
    nearest = np.argpartition(cost, min(volume_mm3, len(cost) - 1))[:volume_mm3]
    return np.asarray(points[nearest])
