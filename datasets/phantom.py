"""The embedded dataset: a healthy cohort made from the ICBM152 tissue maps packaged with nilearn."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from bench.seeds import derived_seed, numpy_generator
from datasets.cache import LazyCases
from datasets.case import Affine, BoolArray, Case, FloatArray
from datasets.channels import Channels
from datasets.dataset import Dataset
from datasets.fingerprint import fingerprint
from datasets.lesions.checking import check_lesions
from datasets.lesions.enhancement import enhanced_case
from datasets.lesions.generator import simulate_lesions
from datasets.lesions.identity import lesion_identity
from datasets.lesions.settings import LesionSettings, described
from datasets.preparing import preparation
from datasets.settings import CohortSize, LesionedSettings

NAME = "phantom"
DESCRIPTION = "synthetic healthy brains, T1w, T2w and FLAIR, made here: nothing to download"
VERSION = 1  # part of fingerprints: raise it when subjects change
SIZES = {  # train, validation, test; "paper" is the paper's
    "small": (64, 16, 12),
    "medium": (330, 41, 41),
    "paper": (1320, 165, 165),
}
DEFAULT_CHANNELS = ("T1w", "T2w")
CHANNELS = (*DEFAULT_CHANNELS, "FLAIR")


def _made(channels: tuple[str, ...]) -> tuple[str, ...]:
    if not set(channels) <= set(CHANNELS):
        raise PydanticCustomError("channels", "the phantom has T1w, T2w and FLAIR")
    return channels


class Settings(LesionedSettings):
    """Its size and its channels."""

    channels: Annotated[Channels, AfterValidator(_made)] = Field(
        DEFAULT_CHANNELS, description="contrasts to use, some of T1w, T2w, FLAIR"
    )
    cohort_size: CohortSize = Field("small", description="subjects to train, validate and test on")


def phantom_subject(
    seed: int, split: str, index: int, channels: tuple[str, ...] = DEFAULT_CHANNELS
) -> tuple[FloatArray, BoolArray, Affine]:
    """Raw images (C, 96, 112, 80), brain mask and affine (voxel -> mm) of one healthy subject.

    It depends on the first three arguments only, so subject k is the same in cohorts of any size, and each of its
    channels is the same whatever others are asked for. About 0.5 s.
    """
    from datasets.synthesis.anatomy import phantom_affine, random_anatomy
    from datasets.synthesis.contrast import acquire

    rng = numpy_generator(seed, "phantom", split, str(index))
    anatomy = random_anatomy(rng)
    flair_rng = numpy_generator(seed, "phantom", split, str(index), "FLAIR") if "FLAIR" in channels else None
    images = acquire(rng, anatomy, flair_rng)
    return images[[CHANNELS.index(channel) for channel in channels]], anatomy.brain_mask, phantom_affine()


def load(settings: Settings, cache_folder: Path) -> Dataset:
    """The phantom cohort of that size; subjects are made when first asked for and kept on disk."""
    train, validation, test = SIZES[settings.cohort_size]
    scored = min(test, settings.cases or test)
    test_ids = tuple(case_id("test", index) for index in range(scored))
    check_lesions(settings.lesions, settings.seed, test_ids, cache_folder)
    recipe: dict[str, Any] = {"phantom": VERSION, "preparation": preparation.VERSION, "seed": settings.seed}
    if settings.channels != DEFAULT_CHANNELS:  # names of what was made before there was a choice
        recipe["channels"] = settings.channels
    identity = lesion_identity(settings.lesions)
    lesion_recipe = {"grid_mm": 1, "simulator": identity["version"], **identity}
    training_fingerprint = fingerprint([recipe, {"train": train, "validation": validation}])

    def cases(split: str, count: int, with_lesions: bool) -> LazyCases:
        shaped_by = [recipe, lesion_recipe if with_lesions else None]
        keys = [fingerprint([*shaped_by, case_id(split, index)]) for index in range(count)]
        return LazyCases(
            keys,
            lambda index: phantom_case(settings, split, index, with_lesions),
            cache_folder / NAME,
        )

    return Dataset(
        name=NAME,
        channels=settings.channels,
        train=cases("train", train, False),
        validation=cases("validation", validation, False),
        test=cases("test", scored, True),
        validation_lesions=cases("validation", validation, True),
        test_ids=test_ids,
        training_fingerprint=training_fingerprint,
        fingerprint=fingerprint([training_fingerprint, {"test": scored}, lesion_recipe]),
        description={
            "cohort": f"phantom: {train} train, {validation} validation, {scored} test",
            "lesions": described(settings.lesions),
            "seed": str(settings.seed),
        },
    )


def case_id(split: str, index: int) -> str:
    """The name of a phantom subject."""
    return f"sub-{split}{index:04d}"


def phantom_case(settings: Settings, split: str, index: int, with_lesions: bool) -> Case:
    """One prepared subject, healthy (lesion mask None) or with simulated lesions."""
    images, brain_mask, affine = phantom_subject(settings.seed, split, index, settings.channels)
    name = case_id(split, index)
    scan = preparation.Scan(name, images, brain_mask, None, affine, settings.channels)
    x, y, z = brain_mask.shape
    frame = preparation.Frame((x, y, z), affine)
    if not with_lesions:
        return preparation.prepare(scan, frame)
    scan = lesions_at_1_mm(scan, settings.lesions, derived_seed(settings.seed, "lesions", name))
    return enhanced_case(preparation.prepare(scan, frame), settings.lesions)


def lesions_at_1_mm(scan: preparation.Scan, settings: LesionSettings, seed: int) -> preparation.Scan:
    """Lesions simulated on a 1 mm grid, as on the paper's scans, and averaged to the phantom's 2 mm.

    Every voxel stands for eight of 1 mm, so healthy ones come back as they were; the noise inside lesions is
    averaged and their edges are partial volumes. Simulated at 2 mm, the noise would stay white and the edges
    sharp: a high-pass filter finds those without knowing anything of brains.
    """

    def fine(volume: np.ndarray) -> np.ndarray:
        for axis in (-3, -2, -1):
            volume = volume.repeat(2, axis=axis)
        return volume

    def coarse(volume: np.ndarray) -> FloatArray:
        x, y, z = scan.brain_mask.shape
        blocks = volume.reshape(*volume.shape[:-3], x, 2, y, 2, z, 2).astype(np.float32)
        return np.asarray(blocks.mean(axis=(-5, -3, -1)), dtype=np.float32)

    affine = scan.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= scan.affine[:3, :3].sum(axis=1) / 4
    at_1_mm = replace(scan, images=fine(scan.images), brain_mask=fine(scan.brain_mask), affine=affine)
    found = simulate_lesions(at_1_mm, settings, seed)
    lesion_mask = coarse(np.asarray(found.lesion_mask)) >= 0.5
    return replace(scan, images=coarse(found.images), lesion_mask=lesion_mask)
