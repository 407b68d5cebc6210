"""One subject, prepared: what a detector scores and what the metrics compare with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
ScoreArray: TypeAlias = npt.NDArray[np.floating]  # an anomaly map made elsewhere, float32 or float64
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Affine: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NativeGrid:
    """The subject's own voxel grid: the way back from prepared space. Shape in voxels, affine voxel -> mm RAS+.

    space: NIfTI's code of what the affine leads to, 2 (the space of another file) where nothing else is known.
    """

    shape: tuple[int, int, int]
    affine: Affine
    space: int = 2


@dataclass(frozen=True)
class Case:
    """One prepared subject.

    image: (C, X, Y, Z) float32 in [-1, 1], background exactly -1. Simulated lesions of the set `paper` are enhanced
        after scaling and not clipped, as by the authors: their voxels lie in [-1.5, 1.5].
    brain_mask: (X, Y, Z) bool.
    lesion_mask: (X, Y, Z) bool, or None when the subject has no label.
    affine: (4, 4) voxel -> mm RAS+ of this prepared grid.
    channels: such as ("T1w", "T2w"), as many as the image has.
    native: the subject's own grid, to which anomaly maps are resampled; None when it is this grid.
    """

    id: str
    image: FloatArray
    brain_mask: BoolArray
    lesion_mask: BoolArray | None
    affine: Affine
    channels: tuple[str, ...]
    native: NativeGrid | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along each axis."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    def without_lesion_mask(self) -> "Case":
        """The same case as a detector may see it."""
        return replace(self, lesion_mask=None)


Cases: TypeAlias = Sequence[Case]


def depth_below_surface_mm(brain_mask: BoolArray, spacing_mm: tuple[float, ...]) -> FloatArray:
    """(X, Y, Z) distance from each brain voxel's centre to that of the nearest one outside the brain; 0 outside."""
    from scipy import ndimage

    padded = np.pad(brain_mask, 1)  # a brain that touches the volume's edge ends there
    depth: FloatArray = ndimage.distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    return depth
