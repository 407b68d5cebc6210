"""A dataset of labels alone: what maps made elsewhere are compared with when no dataset of ours is behind them."""

from collections.abc import Callable, Iterable, Sequence
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
from datasets.scans.listing import not_used
from datasets.scans.names import is_brain_mask, is_image, parsed, says_brain_mask, says_lesion, says_t1w
from datasets.scans.pairing import NiftiFiles, by_subject, nifti_files
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

    Labels are the files whose names say lesion or, where no name does, all but brain masks and images. An empty one
    is that of a healthy subject. A subject without a brain mask gets the voxels above background of its
    brain-extracted T1w image beside the labels. BenchError when there are none, when a subject has two, when a file
    that may be a label cannot be paired, or when no brain mask is found.
    """
    files = nifti_files(settings.labels)
    labels = lesion_masks(settings.labels, files)
    brains = (
        brain_masks(settings.brain_masks, labels.values())
        if settings.brain_masks
        else brains_beside(files.named, labels.values())
    )
    if not brains.keys() & labels.keys():
        raise BenchError(
            f"{settings.brain_masks or settings.labels} holds no brain mask of these subjects, such as "
            f"{min(labels)}_desc-brain_mask.nii.gz: name the folder that does with --brain-masks."
        )
    ids = tuple(sorted(labels))
    content = [[i, content_of(labels[i]), content_of(brains[i]) if i in brains else None] for i in ids]
    identity = fingerprint({"labels": VERSION, "test": content})
    without = sorted({name.id for name in map(parsed, files.named) if name} - labels.keys())
    notes = not_used(files.strangers, "their names do not begin with sub-")
    if without:
        notes.append(f"{len(without)} subjects in {settings.labels} have no label, such as {without[0]}.")
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
        notes=tuple(notes),
    )


def lesion_masks(folder: Path, files: NiftiFiles) -> dict[str, Path]:
    """Subject id -> its label. BenchError for a file that may be one, but is not named after a subject or as others."""
    drawn = [path for path in (*files.named, *files.strangers) if not (says_brain_mask(path) or is_image(path))]
    say_so = [path for path in drawn if says_lesion(path)]
    chosen = say_so or drawn
    if strangers := [path for path in chosen if path in files.strangers]:
        raise BenchError(
            f"{strangers[0]} cannot be paired, its name does not begin with a subject: call it as "
            "sub-01_label-lesion_mask.nii.gz, or move it away."
        )
    labels = by_subject(chosen, "label")
    if not labels:
        raise BenchError(f"{folder} holds no lesion masks, only brain masks or images: name the folder that does.")
    for path in drawn:
        name = parsed(path)
        if name and name.id not in labels and not is_brain_mask(path):
            raise BenchError(
                f"{path} does not say that it is a label, as {say_so[0].name} does: call it "
                f"{name.id}_label-lesion_mask.nii.gz, or move it away."
            )
    return labels


def brain_masks(folder: Path, no_brains: Iterable[Path]) -> dict[str, Path]:
    """Subject id -> its mask in a folder of brain masks: one called so or, where there is none, under any other name.

    Lesion masks and images other than T1w are never taken, nor are `no_brains`: labels or maps in the same folder.
    """
    others = {path.resolve() for path in no_brains}
    files = [path for path in nifti_files(folder).named if path.resolve() not in others]
    any_name = [says_brain_mask, is_brain_mask, lambda path: not (is_image(path) or says_lesion(path)), says_t1w]
    return first_fitting(files, any_name, "brain mask")


def brains_beside(files: Iterable[Path], no_brains: Iterable[Path]) -> dict[str, Path]:
    """Subject id -> its brain mask or, without one, its T1w image, among files of which some are no brains.

    A brain mask says brain or is called _mask alone.
    """
    others = set(no_brains)
    left = [path for path in files if path not in others]
    return first_fitting(left, [says_brain_mask, is_brain_mask, says_t1w], "brain mask")


def first_fitting(files: Sequence[Path], rules: Sequence[Callable[[Path], bool]], what: str) -> dict[str, Path]:
    """Subject id -> the file that fits the first rule that any of the subject's files fits."""
    found: dict[str, Path] = {}
    for fits in rules:
        found |= by_subject([p for p in files if fits(p) and (name := parsed(p)) and name.id not in found], what)
    return found


def content_of(path: Path) -> str:
    """The hash of a mask. BenchError when it cannot be opened, as with a link not fetched yet."""
    try:
        return file_hash(path)
    except OSError:
        raise BenchError(f"{path} cannot be opened; fetch its content if it is a link.") from None


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
