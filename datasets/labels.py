"""A dataset of labels alone: what maps made elsewhere are compared with when no dataset of ours is behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, Case
from datasets.dataset import Dataset
from datasets.fingerprint import file_hash, fingerprint
from datasets.preparing.resampling import whole_voxel_transform
from datasets.scans.pairing import by_subject, nifti_files
from datasets.scans.reading import extracted_brain, read_image, read_volume

VERSION = 1  # part of fingerprints: raise it when masks are read differently
NAME = "labels"


class LabelSettings(BaseModel):
    """Where lesion masks lie, and brain masks when they lie elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Path
    brain_masks: Path | None = None


def labels_dataset(settings: LabelSettings) -> Dataset:
    """Test cases without images, one for each label; their masks are read when they are asked for.

    Labels are the files with `lesion` in their names or, where no name says so, all but the brain masks. An
    empty one is that of a healthy subject. A subject without a brain mask gets the voxels above background of its
    brain-extracted T1w image beside the labels. BenchError when there are none, when a subject has two, or when
    no brain mask is found.
    """
    files = nifti_files(settings.labels)
    labels = by_subject(
        [f for f in files if "lesion" in _name(f)] or [f for f in files if not (is_brain(f) or is_image(f))], "label"
    )
    if not labels:
        raise BenchError(f"{settings.labels} holds brain masks only: name the folder of the lesion masks.")
    brains = brain_masks(settings.brain_masks) if settings.brain_masks else brains_beside(files)
    if not brains.keys() & labels.keys():
        raise BenchError(
            f"{settings.brain_masks or settings.labels} holds no brain mask of these subjects, such as "
            f"{min(labels)}_desc-brain_mask.nii.gz: name the folder that does with --brain-masks."
        )
    ids = tuple(sorted(labels))
    content = [[i, file_hash(labels[i]), file_hash(brains[i]) if i in brains else None] for i in ids]
    identity = fingerprint({"labels": VERSION, "test": content})
    return Dataset(
        name=NAME,
        channels=(),
        train=(),
        validation=(),
        test=LabelledCases(ids, labels, brains),
        validation_lesions=(),
        test_ids=ids,
        training_fingerprint=identity,
        fingerprint=identity,
        description={"labels": str(settings.labels), "test cases": str(len(ids))},
    )


def brain_masks(folder: Path) -> dict[str, Path]:
    """Subject id -> its brain mask: the files with `brain` and `mask` in their names, or all where none has."""
    files = nifti_files(folder)
    return by_subject([path for path in files if is_brain(path)] or files, "brain mask")


def brains_beside(files: Sequence[Path]) -> dict[str, Path]:
    """Subject id -> its brain mask or, without one, its T1w image, among the files of a folder of labels."""
    images = by_subject([path for path in files if is_image(path)], "T1w image")
    return images | by_subject([path for path in files if is_brain(path)], "brain mask")


def is_image(path: Path) -> bool:
    """Whether a file's name is that of a T1w image."""
    return path.name.split(".nii")[0].endswith("_T1w")


def is_brain(path: Path) -> bool:
    """Whether a file's name is that of a brain mask."""
    return "brain" in _name(path) and "mask" in _name(path) and "lesion" not in _name(path)


def _name(path: Path) -> str:
    return path.name.lower()


class LabelledCases(Sequence[Case]):
    """Cases read anew each time; BenchError when a case's masks are missing, damaged or on different grids."""

    def __init__(self, ids: Sequence[str], labels: dict[str, Path], brains: dict[str, Path]) -> None:
        self.ids, self.labels, self.brains = ids, labels, brains

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Any:  # never asked for a slice
        name = self.ids[index]
        if name not in self.brains:
            raise BenchError(f"{name} has no brain mask: put {name}_desc-brain_mask.nii.gz beside the others.")
        lesion_mask, affine = read_mask(self.labels[name])
        brain_mask, brain_affine = read_brain(self.brains[name])
        check_grid(self.brains[name], brain_mask.shape, brain_affine, self.labels[name], lesion_mask.shape, affine)
        return Case(name, np.empty((0, *brain_mask.shape), np.float32), brain_mask, lesion_mask, affine, ())


def read_brain(path: Path) -> tuple[BoolArray, Affine]:
    """A brain mask (X, Y, Z), or that of a brain-extracted image, and its affine. BenchError when unusable."""
    if not is_image(path):
        return read_mask(path)
    image, affine = read_image(path)
    return extracted_brain(image, path, affine), affine


def read_mask(path: Path) -> tuple[BoolArray, Affine]:
    """A mask (X, Y, Z), voxels of at least 0.5, and its affine. BenchError for a file that cannot be used."""
    volume, affine = read_volume(path)
    return volume >= 0.5, affine


def check_grid(
    path: Path,
    shape: tuple[int, ...],
    affine: Affine,
    other: Path | str,
    other_shape: tuple[int, ...],
    other_affine: Affine,
) -> None:
    """BenchError, with both values, when a file does not lie on the grid of another one."""
    if shape != other_shape:
        raise BenchError(f"{path} has the shape {shape}, but {other} has {other_shape}: resample one to the other.")
    if not same_place(affine, other_affine, shape):
        raise BenchError(
            f"{path} has the affine {shown(affine)}, but {other} has {shown(other_affine)}: resample one to the other."
        )


def same_place(affine: Affine, other: Affine, shape: tuple[int, ...]) -> bool:
    """Whether every voxel of a grid lies where the other grid has it, to within a twentieth of a voxel."""
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        return False
    x, y, z = shape
    whole = whole_voxel_transform(np.linalg.inv(affine) @ other, (x, y, z))
    return whole is not None and np.array_equal(whole, np.eye(4))


def shown(affine: Affine) -> str:
    """The upper three rows of an affine, in one line."""
    return "[" + "; ".join(" ".join(f"{value:.4g}" for value in row) for row in affine[:3]) + "]"
