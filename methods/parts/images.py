"""Healthy images held in memory for training, and random crops of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.detector import FitContext
from datasets.case import Case, Cases

MARGIN_VOXELS = 4
SHARE_OF_GPU_MEMORY = 0.25

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class ImageBank:
    """Images cut to the box of their brains, (C, x, y, z) float16 on the [-1, 1] scale, all in memory.

    They lie on the GPU where they take a quarter of its memory at most, otherwise in memory that it copies fast from.
    """

    images: list[Tensor]
    device: str

    @classmethod
    def load(cls, cases: Cases, context: FitContext, description: str, device: str) -> "ImageBank":
        """Read all cases once; crops of them will be on `device`."""
        images = []
        with context.progress(description, len(cases)) as tick:
            for case in cases:
                images.append(torch.from_numpy(case.image[(slice(None), *brain_box(case, 1))]).half())
                tick()
        if device.startswith("cuda"):
            free, _ = torch.cuda.mem_get_info(device)
            fits = sum(image.nbytes for image in images) < SHARE_OF_GPU_MEMORY * free
            images = [image.to(device) if fits else image.pin_memory() for image in images]
        return cls(images, device)

    def crops(self, count: int, size: int | None, generator: torch.Generator) -> Tensor:
        """(count, C, size, size, size) float32 random crops; whole images, padded alike, when size is None."""
        return self.drawn(count, size, generator)()

    def drawn(self, count: int, size: int | None, generator: torch.Generator) -> Callable[[], Tensor]:
        """Decide on crops as `crops` does, to be cut out when the result is called."""
        chosen = torch.randint(len(self.images), (count,), generator=generator).tolist()
        if size is None:
            shape = [max(image.shape[axis] for image in self.images) for axis in (1, 2, 3)]
            shape = [-(-edge // 16) * 16 for edge in shape]
            return lambda: self._together([pad_to(self.images[i], shape) for i in chosen])
        starts = [random_starts(self.images[i].shape[1:], size, generator) for i in chosen]
        return lambda: self._together([crop(self.images[i], at, size) for i, at in zip(chosen, starts, strict=True)])

    def _together(self, images: list[Tensor]) -> Tensor:
        return torch.stack(images).to(self.device).float()


def random_starts(shape: Sequence[int], size: int, generator: torch.Generator) -> list[int]:
    """Where a cube of `size` voxels begins in a volume, or in one padded to hold it."""
    return [int(torch.randint(max(size, edge) - size + 1, (1,), generator=generator)) for edge in shape]


def crop(image: Tensor, starts: Sequence[int], size: int) -> Tensor:
    """A cube of `size` voxels of a (C, X, Y, Z) image, padded with background if it is larger."""
    x, y, z = starts
    image = pad_to(image, [max(size, edge) for edge in image.shape[1:]])
    return image[:, x : x + size, y : y + size, z : z + size]


def pad_to(image: Tensor, shape: list[int]) -> Tensor:
    """Pad (C, X, Y, Z) with background (-1) at the far ends."""
    pad = [
        p for edge, target in zip(reversed(image.shape[1:]), reversed(shape), strict=True) for p in (0, target - edge)
    ]
    return torch.nn.functional.pad(image, pad, value=-1.0)


def padded_to_multiple(images: Tensor, multiple_of: int) -> Tensor:
    """Pad (B, C, X, Y, Z) with background to edges that halve evenly at each level of a network."""
    shape = [-(-edge // multiple_of) * multiple_of for edge in images.shape[2:]]
    return torch.stack([pad_to(image, shape) for image in images])


def brain_box(case: Case, multiple_of: int) -> Box:
    """The box of the brain mask with a margin, its edges multiples of `multiple_of` where the volume allows.

    Networks run on this box instead of the whole volume: about half of the voxels.
    """
    slices = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(case.brain_mask.any(axis=others))
        edge = case.brain_mask.shape[axis]
        if len(inside) == 0:
            slices.append(slice(0, edge))
            continue
        start = max(0, int(inside[0]) - MARGIN_VOXELS)
        length = min(edge, int(inside[-1]) + 1 + MARGIN_VOXELS) - start
        length = min(edge, -(-length // multiple_of) * multiple_of)
        start = min(start, edge - length)
        slices.append(slice(start, start + length))
    return slices[0], slices[1], slices[2]
