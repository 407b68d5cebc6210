"""Score norms of the training images, kept in files: those of 1320 brains would take 44 GB of memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.files import atomic_path
from datasets.case import Cases
from methods.msma.case_moments import CaseMoments
from methods.msma.conditional import Patches
from methods.msma.position import voxel_coordinates_at


def kept(norms: Tensor, folder: Path | None, number: int) -> Tensor:
    """The norms (N, K) of a case as they were, but in a file of the folder that is read where they are asked for.

    Without a folder they stay in memory.
    """
    if folder is None:
        return norms.cpu()
    path = folder / f"norms-{number}.npy"
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, norms.cpu().numpy())
    return torch.from_numpy(np.load(path, mmap_mode="c"))


@dataclass(frozen=True)
class KeptPatches:
    """The patches of a training image: its norms stay in their file until they are drawn.

    norms: (N, K) as `kept` gives them. voxels: (N,) flat index of each in a volume of `shape`. mean, sd: (V, K) that
    standardise the norms of all V voxels, or None. own: the image's own moments of these, or None. summary: (2 K,) of
    the image. cases, index: where its image is found, which a density may be told of.
    """

    norms: Tensor
    voxels: npt.NDArray[np.int32]
    shape: tuple[int, int, int]
    mean: Tensor | None
    sd: Tensor | None
    own: CaseMoments | None
    summary: Tensor
    cases: Cases | None
    index: int

    def at(self, chosen: Tensor) -> Patches:
        """The patches of these numbers."""
        norms = self.norms[chosen].float()
        voxels = torch.from_numpy(self.voxels[chosen.numpy()].astype(np.int64))
        if self.mean is not None and self.sd is not None:
            norms = (norms - self.mean[voxels]) / self.sd[voxels]
        if self.own is not None:
            norms = self.own.standardise(norms, chosen)
        image = torch.from_numpy(self.cases[self.index].image) if self.cases is not None else None
        return Patches(norms, voxel_coordinates_at(voxels, self.shape), self.summary, image)
