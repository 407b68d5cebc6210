"""Shifted test images: by the amount asked for, in the brain alone, the rest of the dataset as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bench.cli.data_options import DataOptions, dataset_settings
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from datasets import phantom
from datasets.case import Case
from datasets.load import load_dataset
from datasets.shift import AMOUNTS, Kind, Shift, parsed_shift, shifted_case, shifted_dataset


@pytest.fixture
def case() -> Case:
    return tiny_dataset().test[0]


@pytest.mark.parametrize("kind", [kind for kind in AMOUNTS if kind != "mask"])
def test_a_shift_changes_the_brain_alone_and_keeps_what_is_bright(case: Case, kind: Kind) -> None:
    before = case.image.copy()
    changed = shifted_case(case, parsed_shift(kind), 0)
    assert np.array_equal(case.image, before)
    assert changed.image.dtype == np.float32
    assert (changed.image[:, ~case.brain_mask] == -1).all()
    assert np.abs(changed.image - case.image)[:, case.brain_mask].mean() > 0.02
    bright = np.percentile(case.image, 99.9, axis=(1, 2, 3))
    np.testing.assert_allclose(np.percentile(changed.image, 99.9, axis=(1, 2, 3)), bright, atol=0.01)
    assert np.array_equal(changed.image, shifted_case(case, parsed_shift(kind), 0).image)


def test_contrast_is_an_exponent(case: Case) -> None:
    changed = shifted_case(case, Shift("contrast", 2.0), 0)
    before, after = ((image[0, case.brain_mask] + 1) / 2 for image in (case.image, changed.image))
    bright = np.percentile((case.image[0] + 1) / 2, 99.9)
    np.testing.assert_allclose(after, np.clip(before**2 / bright, 0, 1), atol=1e-3)


def test_noise_is_normal_noise_of_that_size(case: Case) -> None:
    changed = shifted_case(case, Shift("noise", 0.1), 0)
    unclipped = case.brain_mask & (np.abs(case.image[0]) < 0.6)
    added = (changed.image - case.image)[0, unclipped]
    assert added.std() == pytest.approx(0.1, rel=0.15)  # less by the scaling back
    assert not np.array_equal(changed.image, shifted_case(case, Shift("noise", 0.1), 1).image)


def test_blur_is_a_gaussian_in_mm(case: Case) -> None:
    """Far from the rim it is the ordinary one, up to the scaling back."""
    changed = shifted_case(case, Shift("blur", 4.0), 0)  # 2 voxels
    plain = ndimage.gaussian_filter((case.image[0] + 1) / 2, 2 / 2.3548)
    middle = (slice(11, 21),) * 3
    ratio = ((changed.image[0] + 1) / 2)[middle] / plain[middle]
    assert ratio.std() < 0.02 * ratio.mean()


def test_bias_runs_from_one_end_to_the_other(case: Case) -> None:
    changed = shifted_case(case, Shift("bias", 0.5), 0)
    ratio = ((changed.image + 1) / np.maximum(case.image + 1, 1e-3))[
        :, case.brain_mask & (case.image > -0.5).all(axis=0)
    ]
    assert np.log(ratio.max() / ratio.min()) == pytest.approx(1.0, abs=0.15)  # exp(0.5) over exp(-0.5)


def test_a_tighter_mask_ends_so_many_mm_before_the_brain(case: Case) -> None:
    tighter = shifted_case(case, parsed_shift("mask"), 0)  # 4 mm, at 2 mm a voxel
    ball = ndimage.generate_binary_structure(3, 1)
    assert tighter.brain_mask.any()
    assert not (tighter.brain_mask & ~ndimage.binary_erosion(case.brain_mask, ball, iterations=2)).any()
    assert (tighter.image[:, ~tighter.brain_mask] == -1).all()
    assert np.array_equal(tighter.image[:, tighter.brain_mask], case.image[:, tighter.brain_mask])
    assert case.lesion_mask is not None
    assert np.array_equal(tighter.lesion_mask, case.lesion_mask & tighter.brain_mask)
    whole = replace(case, brain_mask=np.ones_like(case.brain_mask), lesion_mask=None)
    inner = np.zeros_like(case.brain_mask)
    inner[2:-2, 2:-2, 2:-2] = True
    assert np.array_equal(shifted_case(whole, Shift("mask", 4.0), 0).brain_mask, inner)
    with pytest.raises(BenchError, match="no brain is deeper than 20 mm; ask --shift mask for less"):
        shifted_case(replace(case, brain_mask=(np.indices(inner.shape) == 9).all(axis=0)), Shift("mask", 20.0), 0)


def test_the_rest_of_the_dataset_stays(tmp_path: Path) -> None:
    plain = tiny_dataset()
    shifted = shifted_dataset(plain, Shift("noise", 0.1), 0)
    assert (shifted.train, shifted.validation_lesions) == (plain.train, plain.validation_lesions)
    assert shifted.training_fingerprint == plain.training_fingerprint
    others = [shifted_dataset(plain, Shift("noise", 0.2), 0), shifted_dataset(plain, Shift("noise", 0.1), 1)]
    assert len({one.fingerprint for one in (plain, shifted, *others)}) == 4
    assert [case.id for case in shifted.test[1:]] == [plain.test[1].id]
    assert np.array_equal(shifted.test[0].lesion_mask, plain.test[0].lesion_mask)
    phantoms = [load_dataset(phantom.Settings(shift=shift), tmp_path) for shift in (None, "noise", "noise=0.1")]
    assert phantoms[0].fingerprint != phantoms[1].fingerprint == phantoms[2].fingerprint


def test_a_shift_is_an_option_with_an_amount() -> None:
    settings = dataset_settings("cpu", DataOptions(shift="blur=2.5"))
    assert isinstance(settings, phantom.Settings)
    assert settings.shift == "blur=2.5"
    assert phantom.Settings(shift="bias").shift == "bias=0.3"
    for wrong, sentence in (
        ("fog", "it should be one of contrast, noise, blur, bias, mask"),
        ("noise=9", r"the amount of noise should lie between 0\.001 and 2"),
        ("noise=much", "the amount of noise should lie between"),
        ("noise=", "the amount of noise should lie between"),
    ):
        with pytest.raises(BenchError, match=sentence):
            dataset_settings("cpu", DataOptions(shift=wrong))
