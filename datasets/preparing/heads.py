"""From a raw scan, a whole head or a brain, to a prepared scan on the template; and maps back onto the raw scan.

Brain extraction, bias field correction, further contrasts rigidly to T1w, T1w affinely to the template, 2 mm. The
transforms are composed, so each image is interpolated once. None is ever lost: `Transforms` takes maps back.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError
from bench.files import MNI152, space_of
from datasets.case import Affine, BoolArray, FloatArray
from datasets.channels import Channels
from datasets.preparing.bias import bias_field
from datasets.preparing.brain import check_volume, extraction_name, found_brain, is_extracted, volume_ml
from datasets.preparing.preparation import Scan, corner_value
from datasets.preparing.resampling import Shape, VolumeT, resample
from datasets.preparing.rigid import same_head
from datasets.preparing.template import Template, icbm152, template_to_scan
from datasets.scans.bids_layout import SubjectFiles
from datasets.scans.reading import check_coverage, drawn_mask, extracted_brain, read_image

VERSION = 1  # raise it when prepared scans change
FEWEST_VOXELS = 12  # along each axis: a slab of fewer slices shows no brain
THICKEST_MM = 8.0
NEGATIVE_SHARE = 0.01  # of a brain's voxels: more of them mean that an image was normalised

Matrix = list[list[float]]  # (4, 4)


class HeadSettings(BaseModel):
    """What a user chooses about the preparation of raw heads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bias_correction: bool = Field(True, description="divide images by their bias field (N4)")
    extraction: Literal["auto", "deepbet"] = Field(
        "auto", description="auto: a mask that is there, a background removed before, or deepbet; deepbet: always"
    )
    channels: Channels | None = Field(None, description="contrasts to prepare, T1w first; None: those that are there")


class RawGrid(BaseModel):
    """The voxel grid of a raw image, and where it lies.

    shape: voxels; affine: voxel -> mm of the image; to_first: mm of the image -> mm of the T1w image, rigid.
    """

    shape: Shape
    affine: Matrix
    to_first: Matrix


class Transforms(BaseModel):
    """All that takes a point of the template to a point of a raw image, and back. mm are RAS+.

    template_to_first: mm of the template -> mm of the T1w image, affine. grids: channel -> its raw grid.
    """

    template: str
    template_to_first: Matrix
    grids: dict[str, RawGrid]

    def to_raw(self, channel: str | None = None) -> Affine:
        """mm of the template -> mm of a raw image, (4, 4); of the first one if None."""
        result: Affine = self.first_to_raw(channel) @ np.array(self.template_to_first)
        return result

    def first_to_raw(self, channel: str | None = None) -> Affine:
        """mm of the first raw image -> mm of a raw image, (4, 4)."""
        grid = self.grids[channel or next(iter(self.grids))]
        return np.asarray(np.linalg.inv(np.array(grid.to_first)), dtype=np.float64)


@dataclass(frozen=True)
class Head:
    """A raw scan with its brain found and its bias field removed; nothing is interpolated yet.

    images: channel -> (X, Y, Z) float32 on its own grid. affines: channel -> voxel -> mm of the first channel's image,
    the rigid registration included. brain_mask, lesion_mask: (X, Y, Z) bool on the first channel's grid.
    grids: channel -> its raw grid. extraction: where the brain mask comes from, in words.
    space: NIfTI's code of what the first affine leads to.
    """

    id: str
    images: dict[str, FloatArray]
    affines: dict[str, Affine]
    brain_mask: BoolArray
    lesion_mask: BoolArray | None
    grids: dict[str, RawGrid]
    extraction: str
    space: int

    @property
    def first(self) -> str:
        """The channel that others are laid on."""
        return next(iter(self.images))

    @property
    def affine(self) -> Affine:
        """Of the first channel: voxel -> mm."""
        return self.affines[self.first]

    @property
    def brain_ml(self) -> float:
        """The brain's own volume."""
        return volume_ml(self.brain_mask, self.affine)

    def scan(self, affine: Affine | None = None, shape: Shape | None = None) -> Scan:
        """All channels on one grid, 0 outside the brain: that of the first channel, or any other in its mm."""
        x, y, z = self.brain_mask.shape
        affine, shape = (self.affine, (x, y, z)) if affine is None or shape is None else (affine, shape)
        brain_mask = resample(self.brain_mask, self.affine, affine, shape)
        images = []
        for channel, image in self.images.items():
            i, j, k = image.shape
            brain = resample(self.brain_mask, self.affine, self.affines[channel], (i, j, k))
            image = resample(np.where(brain, image, np.float32(0)), self.affines[channel], affine, shape)
            images.append(np.where(brain_mask, image, np.float32(0)))
        lesions = self.lesion_mask
        if lesions is not None:
            lesions = resample(lesions, self.affine, affine, shape) & brain_mask
        return Scan(self.id, np.stack(images), brain_mask, lesions, affine, tuple(self.images))


@dataclass(frozen=True)
class PreparedHead:
    """A scan on the template's grid, and what it took to bring it there.

    head: the raw scan. likeness: correlation with the template, in and around the template's brain.
    """

    scan: Scan
    transforms: Transforms
    head: Head
    likeness: float


def prepared_head(
    files: SubjectFiles, settings: HeadSettings | None = None, template: Template | None = None, device: str = "cpu"
) -> PreparedHead:
    """A raw scan, laid on a template.

    Args:
        files: One subject's raw images, T1w first; whole heads, with a brain mask or without, or brains.
        template: ICBM152 if None.
        device: What deepbet computes on, "cpu" or "cuda".

    Returns:
        The scan on the template's grid, 0 outside the brain, its intensities divided by the bias field if that is
        wanted; and the transforms, with which `onto_raw` takes maps back.

    Raises:
        BenchError: One sentence that names the file, when it cannot be done.
    """
    template = icbm152() if template is None else template
    head = read_head(files, settings or HeadSettings(), device)
    first = Scan(head.id, head.images[head.first][None], head.brain_mask, None, head.affine, (head.first,))
    template_to_first, alike = template_to_scan(first, template)
    x, y, z = template.brain_mask.shape
    laid = head.scan(template_to_first @ template.affine, (x, y, z))
    return PreparedHead(
        scan=replace(laid, affine=template.affine, space=MNI152),
        transforms=Transforms(template=template.name, template_to_first=template_to_first.tolist(), grids=head.grids),
        head=head,
        likeness=alike,
    )


def onto_raw(
    volume: VolumeT, affine: Affine, transforms: Transforms, channel: str | None = None, outside: float = 0.0
) -> VolumeT:
    """A map or mask in template space on the grid of a raw image, where that has its own voxels.

    Args:
        volume: (X, Y, Z), float: interpolated linearly; bool: the nearest voxel.
        affine: Of the volume, voxel -> mm of the template; any grid.
        channel: The raw image; the first one if None.
        outside: The value where the volume does not reach.
    """
    grid = transforms.grids[channel or next(iter(transforms.grids))]
    return resample(volume, transforms.to_raw(channel) @ affine, np.array(grid.affine), grid.shape, outside)


def read_head(files: SubjectFiles, settings: HeadSettings, device: str = "cpu") -> Head:
    """A raw scan with its brain found, its bias field removed, its further contrasts registered to the first one.

    BenchError when a file cannot be used.
    """
    first, *others = files.images
    path = files.images[first]
    image, affine = read_head_image(path)
    brain_mask, extraction = brain_of(image, affine, files, settings, device)
    lesion_mask = None
    if files.lesion_mask is not None:
        lesion_mask = drawn_mask(files.lesion_mask, path, image.shape, affine)
        if not (lesion_mask & brain_mask).any():
            raise BenchError(f"{files.lesion_mask} lies outside the brain; check its place.")
    images = {first: corrected(image, brain_mask, affine, path, settings)}
    affines, grids = {first: affine}, {first: raw_grid(image, affine, np.eye(4))}
    for channel in others:
        other_path = files.images[channel]
        other, other_affine = read_head_image(other_path)
        to_first = same_head(images[first], affine, brain_mask, other, other_affine, other_path)
        affines[channel], grids[channel] = to_first @ other_affine, raw_grid(other, other_affine, to_first)
        outside = corner_value(other) or 0.0
        seen = resample(other, affines[channel], affine, image.shape, outside) != outside
        check_coverage(seen, other_path, image, brain_mask, path)
        brain = resample(brain_mask, affine, affines[channel], other.shape)
        images[channel] = corrected(other, brain, affines[channel], other_path, settings)
    return Head(files.id, images, affines, brain_mask, lesion_mask, grids, extraction, space_of(path))


def raw_grid(image: FloatArray, affine: Affine, to_first: Affine) -> RawGrid:
    """What `Transforms` keeps of a raw image."""
    x, y, z = image.shape
    return RawGrid(shape=(x, y, z), affine=affine.tolist(), to_first=to_first.tolist())


def read_head_image(path: Path) -> tuple[FloatArray, Affine]:
    """A volume of a size that heads have, with slices enough. BenchError for others."""
    image, affine = read_image(path)
    thickest_mm = float(np.linalg.norm(affine[:3, :3], axis=0).max())
    if min(image.shape) < FEWEST_VOXELS:
        raise BenchError(
            f"{path} has only {min(image.shape)} slices, {image.shape} voxels; a whole brain is needed, so take the 3D "
            "image of the session."
        )
    if thickest_mm > THICKEST_MM:
        raise BenchError(f"{path} has voxels of {thickest_mm:.3g} mm, {THICKEST_MM:g} mm at most are of use.")
    return image, affine


def brain_of(
    image: FloatArray, affine: Affine, files: SubjectFiles, settings: HeadSettings, device: str
) -> tuple[BoolArray, str]:
    """The brain mask of the first image, and where it comes from, in words."""
    path = files.images[next(iter(files.images))]
    if files.brain_mask is not None and settings.extraction == "auto":
        mask, words, named = drawn_mask(files.brain_mask, path, image.shape, affine), "mask", files.brain_mask
    elif settings.extraction == "auto" and is_extracted(image, affine):
        mask, words, named = filled(extracted_brain(image, path, affine)), "extracted before", path
    else:
        mask, words, named = found_brain(image, affine, path, device), extraction_name(), path
    check_volume(mask, affine, named)
    return mask, words


def filled(mask: BoolArray) -> BoolArray:
    """A mask without holes, such as where fluid is as dark as the background."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(mask), dtype=bool)


def corrected(
    image: FloatArray, brain_mask: BoolArray, affine: Affine, path: Path, settings: HeadSettings
) -> FloatArray:
    """The image without its bias field, or as it is. BenchError for one that was normalised to negative values."""
    if not settings.bias_correction:
        return image
    if np.mean(image[brain_mask] < 0) > NEGATIVE_SHARE:
        raise BenchError(
            f"{path} was normalised, its brain has negative values, of which a bias field cannot be told; prepare it "
            "with --no-bias-correction, or bring the image as it came from the scanner."
        )
    result: FloatArray = image / bias_field(image, brain_mask, affine)
    return result
