"""Which subjects are aligned to the training brains, and where the box lies for each of them."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.files import write_json
from datasets.case import Affine, Cases, NativeGrid
from datasets.fingerprint import fingerprint
from datasets.preparing import registration
from datasets.preparing.grids import same_grid
from datasets.preparing.preparation import Extent, Frame, Scan
from datasets.scans.inspection import Subject

Mode = Literal["auto", "none", "affine"]

VERSION = 1  # part of fingerprints of what is aligned: raise it when alignments change
REFERENCE_CASES = 20  # training cases whose mean is aligned to
MARGIN_MM = 5.0  # a side of a brain's bounding box may lie this far beyond those of the training brains
SAME_GRID_MARGIN_MM = 12.0  # the same for a scan on the very grid of the training scans: registered, most likely


def to_align(mode: Mode, frame: Frame, train: Sequence[Subject], others: Sequence[Subject]) -> list[Subject]:
    """The subjects to be aligned: none; all; or, with `auto`, the others whose brain lies elsewhere.

    Where training scans have spaces of their own, no place is the right one, and `auto` aligns nobody.
    """
    if mode == "affine":
        return [*train, *others]
    if mode == "none" or frame.affine is None:
        return []
    home = Home.of([subject.extent for subject in train])
    return [subject for subject in others if lies_elsewhere(subject.extent, home)]


@dataclass(frozen=True)
class Home:
    """Where training brains lie that share one grid: between which values each side of their bounding boxes is.

    lowest_mm, highest_mm: (2, 3), of the lower and of the upper sides along x, y and z. grid: the one they share.
    """

    lowest_mm: npt.NDArray[np.float64]
    highest_mm: npt.NDArray[np.float64]
    grid: NativeGrid

    @classmethod
    def of(cls, brains: Sequence[Extent]) -> "Home":
        """That of the training brains."""
        sides_mm = [bounds_mm(one) for one in brains]
        return cls(np.min(sides_mm, axis=0), np.max(sides_mm, axis=0), brains[0].grid)


def lies_elsewhere(brain: Extent, home: Home) -> bool:
    """Whether one of the six sides of a brain's bounding box lies too far, inwards or outwards, beyond the range
    of that side over the training brains, which share one grid."""
    own_mm = bounds_mm(brain)
    beyond_mm = np.maximum(home.lowest_mm - own_mm, own_mm - home.highest_mm).max()
    grid, usual = brain.grid, home.grid
    at_home = same_grid(grid.shape, grid.affine, usual.shape, usual.affine)
    margin_mm = SAME_GRID_MARGIN_MM if at_home else MARGIN_MM
    return bool(beyond_mm > margin_mm + 1e-3)


def bounds_mm(brain: Extent) -> npt.NDArray[np.float64]:
    """The lowest and the highest x, y and z of a brain's bounding box: (2, 3), mm."""
    ends = np.array([brain.first, brain.last])
    corners = [[ends[i, 0], ends[j, 1], ends[k, 2], 1] for i, j, k in np.ndindex(2, 2, 2)]
    corners_mm = (np.array(corners) @ brain.grid.affine.T)[:, :3]
    return np.stack([corners_mm.min(axis=0), corners_mm.max(axis=0)])


class Alignment:
    """Finds the place of the training box for each of the chosen subjects, once, and keeps it.

    reference: training cases as they lie in the box; the mean of the first 20 is what subjects are aligned to.
    identity: what shapes these cases.
    """

    def __init__(
        self, subjects: Sequence[Subject], frame: Frame, reference: Cases, identity: Any, cache_folder: Path
    ) -> None:
        self.identity = fingerprint([VERSION, identity])
        self._images = {subject.image for subject in subjects}
        self._frame = frame
        self._reference = reference
        self._folder = cache_folder / "aligned"

    def marks(self, subject: Subject) -> list[str]:
        """What an aligned subject adds to fingerprints; nothing for others."""
        return [f"aligned {self.identity}"] if subject.image in self._images else []

    def box_affine(self, subject: Subject, scan: Scan) -> Affine | None:
        """Voxel of the box -> mm of the subject; None for subjects that are not aligned, or cannot be."""
        if subject.image not in self._images:
            return None
        note = self._folder / f"{fingerprint([self.identity, subject.content])}.json"
        if note.exists():
            known = json.loads(note.read_text())
            found = None if known is None else np.array(known)
        else:
            found = registration.aligned_box(scan, self._frame, self._mean)
            write_json(note, None if found is None else found.tolist())
        if found is None:
            logging.getLogger(__name__).warning(
                "%s cannot be aligned to the training brains and stays where it lies.", scan.id
            )
        return found

    @cached_property
    def _mean(self) -> registration.MeanBrain:
        return registration.mean_brain(self._reference)
