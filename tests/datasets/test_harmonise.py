"""Harmonised images have the grey values of the training images, whatever a scanner did to their contrast."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.cli.data_options import DataOptions, dataset_settings
from bench.contributing.contract import tiny_dataset
from datasets import phantom
from datasets.cache import ChangedCases
from datasets.harmonise import Reference, harmonised_case, harmonised_dataset, landmarks
from datasets.load import load_dataset
from datasets.shift import Shift, shifted_case


def test_a_shift_of_contrast_is_undone() -> None:
    case = tiny_dataset().test[0]
    shifted = shifted_case(case, Shift("contrast", 2.0), 0)
    back = harmonised_case(shifted, landmarks(case))
    np.testing.assert_allclose(landmarks(back), landmarks(case), atol=1e-3)
    off, left = (np.abs(one.image - case.image)[:, case.brain_mask].mean() for one in (shifted, back))
    assert off > 0.2
    assert left < 0.1 * off
    assert (back.image[:, ~case.brain_mask] == -1).all()


def test_an_image_that_is_the_reference_stays_and_bright_lesions_stay_bright() -> None:
    case = tiny_dataset().test[0]
    image = case.image.copy()
    image[:, 15:17, 15:17, 15:17] = 1.4
    bright = replace(case, image=image)
    np.testing.assert_allclose(harmonised_case(bright, landmarks(bright)).image, image, atol=1e-3)


def test_test_images_are_brought_to_training_images_which_stay() -> None:
    plain = tiny_dataset()
    found = harmonised_dataset(plain)
    assert (found.train, found.validation) == (plain.train, plain.validation)
    assert found.training_fingerprint == plain.training_fingerprint
    assert found.fingerprint != plain.fingerprint
    mean = np.mean([landmarks(case) for case in plain.train], axis=0)
    for case in found.test:
        np.testing.assert_allclose(landmarks(case), mean, atol=1e-3)
    assert isinstance(found.test[:1], ChangedCases)


def test_training_images_are_looked_at_when_a_case_is_asked_for() -> None:
    reference = Reference([])
    assert len(ChangedCases([], reference.harmonised)) == 0  # a mean over nothing was not taken
    with pytest.raises(IndexError):
        ChangedCases([], reference.harmonised)[0]


def test_it_is_an_option_beside_a_shift(tmp_path: Path) -> None:
    settings = dataset_settings("cpu", DataOptions(harmonise=True, shift="contrast"))
    assert settings == phantom.Settings(harmonise=True, shift="contrast")
    some = [phantom.Settings(), phantom.Settings(harmonise=True), settings]
    fingerprints = {load_dataset(one, tmp_path).fingerprint for one in some}
    assert len(fingerprints) == 3
