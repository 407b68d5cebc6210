"""A raw head made of the template: moved, turned, shrunk, in skull and scalp, on an oblique grid of its own."""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from datasets.preparing.resampling import resample
from datasets.preparing.template import icbm152

SHAPE = (72, 80, 64)  # posterior, superior, right: as sagittal slices come
SPACING_MM = 2.7


def rotation(degrees: float, axis: int) -> np.ndarray:
    """(4, 4) about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    one, other = [k for k in range(3) if k != axis]
    result = np.eye(4)
    result[one, one] = result[other, other] = c
    result[one, other], result[other, one] = -s, s
    return result


@dataclass(frozen=True)
class RawHead:
    """What is known of the head that was made.

    placement: mm of the template -> mm of the T1w. t2w_shift: mm of the T1w -> mm of the T2w, rigid.
    """

    images: dict[str, np.ndarray]
    affines: dict[str, np.ndarray]
    brain_mask: np.ndarray
    placement: np.ndarray
    t2w_shift: np.ndarray

    def write(self, root: Path, id: str = "sub-01", mask: str | None = "desc-brain_mask", *channels: str) -> Path:
        """As sub-01/anat/sub-01_T1w.nii.gz and so on; the mask under that name, if any."""
        folder = root / id / "anat"
        folder.mkdir(parents=True, exist_ok=True)
        for channel in ("T1w", *channels):
            image = nibabel.Nifti1Image(self.images[channel], self.affines[channel])
            nibabel.save(image, folder / f"{id}_{channel}.nii.gz")
        if mask:
            image = nibabel.Nifti1Image(self.brain_mask.astype(np.uint8), self.affines["T1w"])
            nibabel.save(image, folder / f"{id}_{mask}.nii.gz")
        return folder


def make_raw_head() -> RawHead:
    """The head, the same every time."""
    template = icbm152()
    placement = rotation(9, 0) @ rotation(-6, 2) @ np.diag([0.93, 0.9, 0.95, 1])
    placement[:3, 3] = 6, -14, 21
    t2w_shift = rotation(5, 1) @ rotation(3, 0)
    t2w_shift[:3, 3] = -7, 4, 9
    axes = rotation(4, 1)[:3, :3] @ np.array([[0, 0, 1.0], [-1, 0, 0], [0, 1, 0]])
    affine = np.eye(4)
    affine[:3, :3] = SPACING_MM * axes
    affine[:3, 3] = placement[:3, 3] - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    distance = ndimage.distance_transform_edt(~template.brain_mask) * 2
    noise = np.random.default_rng(0).normal(0, 0.02, template.image.shape)
    shell = np.select([distance > 14, distance > 9, distance > 4], [0.05, 0.9, 0.15], 0.3)
    t1w = np.where(template.brain_mask, 0.15 + 0.85 * template.image, shell) + noise
    t2w = np.where(template.brain_mask, 1.1 - 0.8 * template.image, 1 - shell) + noise
    shading = 1 + 0.25 * np.linspace(-1, 1, template.image.shape[1])[:, None]  # a bias field, from back to front

    def seen(volume: np.ndarray, moved: np.ndarray) -> np.ndarray:
        return resample(volume.astype(np.float32), moved @ template.affine, affine, SHAPE, 0.05)

    return RawHead(
        images={"T1w": 1000 * seen(t1w * shading, placement), "T2w": 700 * seen(t2w, t2w_shift @ placement)},
        affines={"T1w": affine, "T2w": affine},
        brain_mask=resample(template.brain_mask, placement @ template.affine, affine, SHAPE),
        placement=placement,
        t2w_shift=t2w_shift,
    )
