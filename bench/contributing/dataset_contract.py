"""The contract every dataset keeps, checked by `bench check-dataset` and the tests."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from bench.contributing.check import Check, gathered
from datasets.case import Case, Cases
from datasets.dataset import Dataset
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from datasets.scans.names import subject_of
from datasets.settings import DatasetSettings
from datasets.sources import source_of

ModelT = TypeVar("ModelT", bound=BaseModel)
SPLITS = ("train", "validation", "test", "validation_lesions")
LONGEST_COUNT_S = 0.5  # `len` of all splits together
SHAPE_MULTIPLE = 16  # networks halve a volume four times


@dataclass(frozen=True)
class Seen:
    """What is kept of a case that was looked at: its image as a hash, and what is wrong with it by point."""

    split: str
    id: str
    image: str
    shape: tuple[int, ...]
    problems: dict[str, str | None]


@dataclass(frozen=True)
class Expected:
    """What cases are compared with: the dataset's channels, how far from 0 voxels of simulated lesions may lie, and
    the ids of test cases with lesions of their own."""

    channels: tuple[str, ...]
    largest_in_lesions: float = 1.0
    labelled: frozenset[str] = frozenset()


def check_dataset(settings: DatasetSettings, most: int = 20) -> list[Check]:
    """Check the dataset of these settings, with caches of its own that are removed afterwards.

    Args:
        settings: Of any dataset, also of another package.
        most: How many cases of each split are looked at.

    Returns:
        The points of the contract. One that cannot be reached ends the list with what was said there.
    """
    with TemporaryDirectory() as folder:
        return gathered(_points(settings, Path(folder), most), "loads")


def _points(settings: DatasetSettings, folder: Path, most: int) -> Iterator[tuple[str, str | None]]:
    """Points and their problems, in the order of the work."""
    dataset = load_dataset(settings, folder / "first")
    yield "has its name and one line about itself", _name_problem(settings, dataset)
    yield "counts its cases at once", _count_problem(dataset)
    yield "has cases to learn from and to test on", _empty_problem(dataset)
    healthy, expected = None, Expected(dataset.channels)
    if isinstance(lesions := getattr(settings, "lesions", None), LesionSettings):
        healthy = _healthy(settings, folder / "healthy")
        expected = Expected(dataset.channels, lesions.largest, _labelled(healthy, most))
    seen = [_seen(case, split, expected) for split in SPLITS for case in _first(getattr(dataset, split), most)]
    for point in CASE_POINTS:
        yield point, next((one.problems[point] for one in seen if one.problems[point]), None)
    yield "has one shape for all cases, multiples of 16 voxels", _shape_problem(dataset, seen)
    yield "names each case once, test cases in `test_ids`", _id_problem(dataset, seen)
    yield "has no subject in two splits", _shared({split: _subjects(seen, split) for split in SPLITS[:3]})
    yield "has no image in two splits", _shared(_healthy_images(seen, healthy, most))
    again = load_dataset(settings, folder / "second")
    yield "gives the same cases when it is loaded again", _difference(dataset, again)
    yield "keeps its fingerprints when it is loaded again", _fingerprint_problem(dataset, again)
    moved = _moved(settings, folder / "moved")
    if moved != settings:
        elsewhere = load_dataset(moved, folder / "third")
        yield "keeps its fingerprints when its folders lie elsewhere", _fingerprint_problem(dataset, elsewhere)


def _first(cases: Cases, most: int) -> Iterator[Case]:
    return (cases[index] for index in range(min(most, len(cases))))


def _healthy(settings: DatasetSettings, cache: Path) -> Dataset:
    """The dataset without simulated lesions."""
    return load_dataset(settings.model_copy(update={"lesions": LesionSettings(set="none")}), cache)


def _labelled(healthy: Dataset, most: int) -> frozenset[str]:
    """The ids of test cases that have lesions all the same: their own."""
    return frozenset(case.id for case in _first(healthy.test, most) if np.any(case.lesion_mask))


def _seen(case: Case, split: str, expected: Expected) -> Seen:
    problems: dict[str, str | None] = dict.fromkeys(CASE_POINTS)
    for point, problem_of in CASE_POINTS.items():
        if problem := problem_of(case, split, expected):
            problems[point] = f"{split} case {case.id} {problem}"
            break  # the other points count on arrays that agree
    return Seen(split, case.id, _image_hash(case), case.brain_mask.shape, problems)


def _image_hash(case: Case) -> str:
    return hashlib.sha256(np.ascontiguousarray(case.image).tobytes()).hexdigest()


def _grid_problem(case: Case, split: str, expected: Expected) -> str | None:
    """As the end of a sentence, as those below."""
    if case.channels != expected.channels or len(case.image) != len(case.channels):
        return f"has {len(case.image)} images for the channels {case.channels}, the dataset names {expected.channels}"
    if case.image.dtype != np.float32 or case.brain_mask.dtype != np.bool_:
        return f"has an image of {case.image.dtype} and a brain mask of {case.brain_mask.dtype}: not float32 and bool"
    if case.image.ndim != 4 or case.image.shape[1:] != case.brain_mask.shape:
        return f"has an image of {case.image.shape} and a brain mask of {case.brain_mask.shape}"
    if not case.brain_mask.any():
        return "has an empty brain mask"
    for affine in (case.affine, case.affine if case.native is None else case.native.affine):
        if affine.shape != (4, 4) or affine[3].tolist() != [0, 0, 0, 1] or not abs(np.linalg.det(affine)) > 1e-6:
            return f"has no affine from voxels to mm: {affine.tolist()}"
    return None


def _intensity_problem(case: Case, split: str, expected: Expected) -> str | None:
    if not np.isfinite(case.image).all():
        return "has values that are not finite"
    largest = np.ones(case.brain_mask.shape)
    if case.lesion_mask is not None and not (split == "test" and case.id in expected.labelled):
        largest[case.lesion_mask] = expected.largest_in_lesions
    if (np.abs(case.image) > largest).any():
        return f"has values from {case.image.min():g} to {case.image.max():g}"
    if (case.image[:, ~case.brain_mask] != -1).any():
        return "has a background that is not exactly -1"
    return None


def _mask_problem(case: Case, split: str, expected: Expected) -> str | None:
    if split in ("train", "validation"):
        return None if case.lesion_mask is None else "has a lesion mask"
    if case.lesion_mask is None:
        return "has no lesion mask"
    if case.lesion_mask.shape != case.brain_mask.shape or case.lesion_mask.dtype != np.bool_:
        return f"has a lesion mask of {case.lesion_mask.shape} and {case.lesion_mask.dtype}"
    return None


CASE_POINTS = {
    "has images, masks and affines that agree": _grid_problem,
    "learns from cases without lesion masks, tests on cases with them": _mask_problem,
    "scales images to [-1, 1], background -1": _intensity_problem,
}


def _name_problem(settings: DatasetSettings, dataset: Dataset) -> str | None:
    source = source_of(settings)
    if dataset.name != source.NAME:
        return f"the dataset calls itself {dataset.name}, its module {source.NAME}"
    return None if len(source.DESCRIPTION.splitlines()) == 1 else f"its DESCRIPTION is {source.DESCRIPTION!r}"


def _count_problem(dataset: Dataset) -> str | None:
    start = time.perf_counter()
    counts = [len(getattr(dataset, split)) for split in SPLITS]
    took_s = time.perf_counter() - start
    return f"counting {counts} took {took_s:.1f} s" if took_s > LONGEST_COUNT_S else None


def _empty_problem(dataset: Dataset) -> str | None:
    if not len(dataset.test):
        return "it has no test case"
    if dataset.channels and not (len(dataset.train) and len(dataset.validation)):
        return "train or validation is empty"  # without images, as with labels alone, there is nothing to learn
    return None


def _shape_problem(dataset: Dataset, seen: Sequence[Seen]) -> str | None:
    shapes = sorted({one.shape for one in seen})
    if not dataset.channels:
        return None
    if len(shapes) > 1:
        return f"there are {' and '.join(map(str, shapes[:3]))}"
    return f"all are {shapes[0]}" if any(size % SHAPE_MULTIPLE for size in shapes[0]) else None


def _id_problem(dataset: Dataset, seen: Sequence[Seen]) -> str | None:
    ids = [one.id for one in seen if one.split != "validation_lesions"]
    if twice := next((id for id in ids if ids.count(id) > 1), None):
        return f"two cases are named {twice}"
    if len(dataset.test_ids) != len(dataset.test):
        return f"there are {len(dataset.test_ids)} test_ids for {len(dataset.test)} test cases"
    of_test = [one.id for one in seen if one.split == "test"]
    if list(dataset.test_ids[: len(of_test)]) != of_test:
        return f"test_ids begins with {dataset.test_ids[:3]}, the test cases are {of_test[:3]}"
    return None


def _subjects(seen: Sequence[Seen], split: str) -> set[str]:
    return {subject_of(one.id) for one in seen if one.split == split}


def _healthy_images(seen: Sequence[Seen], healthy: Dataset | None, most: int) -> dict[str, set[str]]:
    """Split -> hashes of its images, those of test cases before lesions were put in, where that is done."""
    images = {split: {one.image for one in seen if one.split == split} for split in SPLITS[:3]}
    if healthy is not None:
        images["test"] = {_image_hash(case) for case in _first(healthy.test, most)}
    return images


def _shared(of_split: dict[str, set[str]]) -> str | None:
    """What two splits have in common."""
    names = list(of_split)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            if both := of_split[one] & of_split[other]:
                return f"{one} and {other} share {len(both)}, such as {min(both)}"
    return None


def _difference(dataset: Dataset, again: Dataset) -> str | None:
    for split in SPLITS:
        for one, other in zip(_first(getattr(dataset, split), 1), _first(getattr(again, split), 1), strict=True):
            masks = one.lesion_mask is None or np.array_equal(one.lesion_mask, np.asarray(other.lesion_mask))
            same = np.array_equal(one.image, other.image) and np.array_equal(one.brain_mask, other.brain_mask)
            if not (same and masks and one.id == other.id and np.array_equal(one.affine, other.affine)):
                return f"the first case of {split} differs, {one.id} and {other.id}"
    return None


def _fingerprint_problem(dataset: Dataset, again: Dataset) -> str | None:
    for name in ("training_fingerprint", "fingerprint"):
        one, other = getattr(dataset, name), getattr(again, name)
        if one != other:
            return f"{name} was {one[:8]} and is {other[:8]}"
        if len(one) < 8:
            return f"{name} is {one!r}, less than 8 characters"
    return None


def _moved(settings: ModelT, folder: Path) -> ModelT:
    """The settings with every file and folder that they name reached by a link elsewhere."""
    changed: dict[str, object] = {}
    for name, value in settings:
        if isinstance(value, BaseModel):
            changed[name] = _moved(value, folder / name)
        elif isinstance(value, Path) and value.exists():
            link = folder / name / value.name
            link.parent.mkdir(parents=True)
            link.symlink_to(value)
            changed[name] = link
    return settings.model_copy(update=changed)
