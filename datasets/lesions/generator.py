"""What a lesion generator is, how it is found, and the one way through which lesions get into scans.

To add one, write one file with one class: a module of datasets/lesions/generators/, or of a package of your own that
names it under the entry-point group `bench.lesions`. Choose it with `--lesions NAME`. A template:
bench/contributing/templates/lesion_generator.py.txt.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import ClassVar

import numpy as np

from bench.discovery import Kind
from bench.errors import BenchError
from datasets.case import BoolArray, FloatArray
from datasets.lesions.settings import LesionSettings
from datasets.preparing.preparation import Scan


class LesionGenerator(ABC):
    """Puts lesions into healthy scans.

    Attributes:
        name: What `--lesions` takes; part of fingerprints.
        version: Part of fingerprints: raise it when the lesions change.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @abstractmethod
    def simulate(self, scan: Scan, settings: LesionSettings, seed: int) -> tuple[FloatArray, BoolArray]:
        """Lesions in a healthy scan.

        Args:
            scan: On its own grid, intensities as they come; its arrays are not to be changed.
            settings: What the user chose; never a set without lesions. Enhancement comes after preparation and is
                not the generator's work.
            seed: The case's own. Equal seeds give equal lesions: draw from `bench.seeds.numpy_generator(seed, ...)`.

        Returns:
            Images (C, X, Y, Z) float32, and the mask (X, Y, Z) bool of the voxels that were changed on purpose.

        Raises:
            BenchError: For scans or settings that it cannot use; the scan is set aside with that sentence.
        """

    def check(self, settings: LesionSettings, seeds: Sequence[int]) -> None:  # noqa: B027  most have nothing to check
        """Look at what the settings name before anything is learned; nothing unless a generator reads files.

        Args:
            settings: As in `simulate`.
            seeds: Those of the cases that lesions will be put into.

        Raises:
            BenchError: When one of the cases could not be made, in a sentence that names the file.
        """


def _generators(found: object) -> list[tuple[str, LesionGenerator]]:
    """The generators that a module defines, or the one that an entry point names."""
    classes = list(vars(found).values()) if isinstance(found, ModuleType) else [found]
    generators = [
        one()
        for one in classes
        if inspect.isclass(one)
        and issubclass(one, LesionGenerator)
        and not inspect.isabstract(one)
        and (one is found or one.__module__ == getattr(found, "__name__", None))
    ]
    if not generators:
        raise TypeError(f"{found!r} defines no subclass of datasets.lesions.generator.LesionGenerator")
    return [(generator.name, generator) for generator in generators]


LESION_GENERATORS = Kind("lesion generator", "datasets.lesions.generators", "bench.lesions", _generators)


def simulate_lesions(scan: Scan, settings: LesionSettings, seed: int) -> Scan:
    """The scan with lesions by the generator that the settings name, and their mask.

    Enhancement is still to come: `datasets.lesions.enhancement`, on the prepared case. In a set without lesions the
    scan stays as it is and the mask is empty. BenchError for an unknown generator, for what `LesionGenerator.simulate`
    refuses, and when that gives something else than it should.
    """
    if settings.lesion_set.healthy:
        return replace(scan, images=scan.images.astype(np.float32), lesion_mask=np.zeros_like(scan.brain_mask))
    generator = LESION_GENERATORS.get(settings.generator)
    images, mask = generator.simulate(scan, settings, seed)
    for what, given, like, dtype in (
        ("images", images, scan.images, np.float32),
        ("a mask", mask, scan.brain_mask, np.bool_),
    ):
        if given.shape != like.shape or given.dtype != dtype:
            raise BenchError(
                f"The lesion generator {generator.name} gives {what} of {given.shape} and {given.dtype}, "
                f"but should give {like.shape} and {np.dtype(dtype)}."
            )
    return replace(scan, images=images, lesion_mask=mask)
