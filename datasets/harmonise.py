"""Harmonisation: images to be scored get the grey values that the training images have, by matching quantiles.

Another scanner's contrast is no anomaly. Each channel's intensities in the brain are mapped, piecewise linearly and in
their order, so that its deciles are the mean ones of training images. Source: Nyul, Udupa 1999 (landmarks at deciles).
"""

from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from datasets.cache import ChangedCases
from datasets.case import Case, Cases, FloatArray
from datasets.dataset import Dataset
from datasets.fingerprint import fingerprint

VERSION = 1  # part of fingerprints: raise it when harmonised images change

PERCENTILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)  # of a channel inside the brain
REFERENCE_CASES = 32  # training cases, the first ones
SMALLEST_STEP = 1e-4  # between landmarks: two that fall together would make the map infinitely steep


def harmonised_dataset(dataset: Dataset) -> Dataset:
    """The dataset with its test images, and the validation images with lesions, harmonised.

    What is learned from stays as it was: it is what the others are brought to.
    """
    reference = Reference(dataset.train)
    return replace(
        dataset,
        test=ChangedCases(dataset.test, reference.harmonised),
        validation_lesions=ChangedCases(dataset.validation_lesions, reference.harmonised),
        fingerprint=fingerprint([dataset.fingerprint, {"harmonised": VERSION}]),
        description=dataset.description | {"harmonised": "test images, to the mean deciles of training images"},
    )


class Reference:
    """Where the landmarks of training images lie; looked at when first asked for."""

    def __init__(self, train: Cases) -> None:
        self._train = train

    @cached_property
    def landmarks(self) -> FloatArray:
        """(C, P) mean over training cases."""
        found = [landmarks(case) for case in islice(self._train, REFERENCE_CASES)]
        return np.asarray(np.mean(found, axis=0), dtype=np.float32)

    def harmonised(self, case: Case) -> Case:
        """The case with its landmarks at these."""
        return harmonised_case(case, self.landmarks)


def harmonised_case(case: Case, reference: FloatArray) -> Case:
    """The case with its landmarks at those of the reference, (C, P); background stays -1.

    Beyond the outer landmarks values move with them. The result is cut to [-1, 1], or to the wider range that the
    channel had, as enhanced lesions have it.
    """
    image = case.image.copy()
    for channel, own, wanted in zip(image, landmarks(case), reference, strict=True):
        inside = channel[case.brain_mask]
        mapped = np.interp(inside, own, wanted) + (inside - np.clip(inside, own[0], own[-1]))
        channel[case.brain_mask] = np.clip(mapped, min(-1, inside.min()), max(1, inside.max()))
    return replace(case, image=image)


def landmarks(case: Case) -> FloatArray:
    """(C, P) percentiles of each channel inside the brain, each above the one before."""
    found = np.percentile(case.image[:, case.brain_mask], PERCENTILES, axis=1).T
    steps = np.maximum(np.diff(found, axis=1), SMALLEST_STEP)
    return np.asarray(np.concatenate([found[:, :1], found[:, :1] + np.cumsum(steps, axis=1)], axis=1), dtype=np.float32)
