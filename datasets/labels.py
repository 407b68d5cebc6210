"""A dataset of labels alone: what maps made elsewhere are compared with when no dataset of ours is behind them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from bench.errors import BenchError
from bench.files import read_mask
from bench.settings import AbsolutePath
from datasets.case import Case
from datasets.dataset import Dataset
from datasets.fingerprint import file_hash, fingerprint
from datasets.preparing.grids import check_same_grid
from datasets.scans.names import parsed, says_brain_mask, says_lesion, says_t1w
from datasets.scans.pairing import by_subject, nifti_files
from datasets.scans.reading import read_brain
from datasets.settings import DatasetSettings

NAME = "labels"
DESCRIPTION = "lesion masks alone, for maps made elsewhere (bench evaluate MAPS --labels DIR)"
VERSION = 1  # part of fingerprints: raise it when masks are read differently


class Settings(DatasetSettings):
    """Where lesion masks lie, and brain masks when they lie elsewhere."""

    labels: AbsolutePath = Field(description="folder of lesion masks")
    brain_masks: AbsolutePath | None = Field(
        None, description="folder of brain masks; None when they are beside the labels"
    )


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """Test cases without images, one for each label; their masks are read when they are asked for.

    Labels are the files with `lesion` in their names or, where no name says so, all but the brain masks. An
    empty one is that of a healthy subject. A subject without a brain mask gets the voxels above background of its
    brain-extracted T1w image beside the labels. BenchError when there are none, when a subject has two, or when
    no brain mask is found.
    """
    files = nifti_files(settings.labels)
    labels = by_subject(
        [f for f in files if says_lesion(f)] or [f for f in files if not (says_brain_mask(f) or says_t1w(f))], "label"
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
    return by_subject([path for path in files if says_brain_mask(path)] or files, "brain mask")


def brains_beside(files: Sequence[Path]) -> dict[str, Path]:
    """Subject id -> its brain mask or, without one, its T1w image, among the files of a folder of labels."""
    masks = by_subject([path for path in files if says_brain_mask(path)], "brain mask")
    images = [path for path in files if says_t1w(path) and (name := parsed(path)) and name.id not in masks]
    return masks | by_subject(images, "T1w image")


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
        check_same_grid(self.brains[name], brain_mask.shape, brain_affine, self.labels[name], lesion_mask.shape, affine)
        return Case(name, np.empty((0, *brain_mask.shape), np.float32), brain_mask, lesion_mask, affine, ())
