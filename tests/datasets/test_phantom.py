import numpy as np
import pytest
from scipy import ndimage

from datasets import phantom
from datasets.lesions.settings import LesionSettings
from datasets.load import load_dataset
from datasets.phantom import phantom_subject
from datasets.synthesis.anatomy import (
    SHAPE,
    grid_of,
    load_template,
    phantom_affine,
    random_anatomy,
    random_displacement,
    smooth_noise,
)
from datasets.synthesis.contrast import acquire


@pytest.fixture(scope="module")
def anatomy():
    return random_anatomy(np.random.default_rng(3))


@pytest.fixture
def dataset(tmp_path):
    return load_dataset(phantom.Settings(), tmp_path)


def test_a_subject_depends_on_seed_split_and_index_only():
    images, brain_mask, affine = phantom_subject(0, "train", 5)
    again, again_mask, _ = phantom_subject(0, "train", 5)
    assert images.shape == (2, *SHAPE) and images.dtype == np.float32
    assert np.array_equal(images, again) and np.array_equal(brain_mask, again_mask)
    assert np.array_equal(affine, phantom_affine())
    for other in (phantom_subject(1, "train", 5), phantom_subject(0, "test", 5), phantom_subject(0, "train", 6)):
        assert not np.array_equal(other[1], brain_mask)


def test_tissue_fractions_sum_to_one_inside_the_brain(anatomy):
    total = anatomy.csf + anatomy.gm + anatomy.wm
    np.testing.assert_allclose(total[anatomy.brain_mask], 1, atol=1e-5)
    assert (total[~anatomy.brain_mask] == 0).all()


def test_brain_lies_inside_the_box(anatomy):
    assert not anatomy.brain_mask.take([0, 1, -2, -1], 0).any()
    assert not anatomy.brain_mask.take([0, 1, -2, -1], 1).any()
    assert not anatomy.brain_mask[:, :, 0].any()
    assert anatomy.brain_mask[:, :, -1].sum() < 200  # one brain in eight touches the top, with under 0.1 % of it
    assert 1100 < anatomy.brain_mask.sum() * 0.008 < 2100  # ml; the template's brain has 1900


@pytest.mark.parametrize("seed", range(6))
def test_deformation_is_invertible(seed):
    displacement = random_displacement(np.random.default_rng(seed), load_template())
    positions = (grid_of(SHAPE) + displacement).numpy()
    jacobian = np.stack([np.stack(np.gradient(component)) for component in positions])
    determinant = np.linalg.det(jacobian.transpose(2, 3, 4, 0, 1))
    assert determinant.min() > 0
    assert np.abs(displacement.numpy()).max() > 1  # voxels: it does move something


def test_contrasts_are_those_of_t1w_and_t2w(anatomy):
    images = acquire(np.random.default_rng(0), anatomy)
    outer = anatomy.deep < 0.1

    def mean(tissue):
        return images[:, (tissue > 0.9) & outer].mean(axis=1)

    csf, gm, wm = mean(anatomy.csf), mean(anatomy.gm), mean(anatomy.wm)
    assert wm[0] > 1.2 * gm[0] > 1.2 * 1.5 * csf[0]
    assert csf[1] > 1.2 * gm[1] > 1.2 * 1.1 * wm[1]
    assert (images[:, ~anatomy.brain_mask] == 0).all()


def test_smooth_noise_has_unit_variance_and_its_width():
    rng = np.random.default_rng(0)
    for fwhm_mm in (6.0, 20.0):
        field = smooth_noise(rng, fwhm_mm)
        assert field.std() == pytest.approx(1, abs=0.2)
        neighbours = np.corrcoef(field[1:].ravel(), field[:-1].ravel())[0, 1]
        sigma_voxels = fwhm_mm / 2 / 2.355
        assert neighbours == pytest.approx(np.exp(-1 / (4 * sigma_voxels**2)), abs=0.06)


def test_prepared_cases(dataset):
    case = dataset.train[0]
    assert case.id == "sub-train0000" and case.channels == ("T1w", "T2w") and case.lesion_mask is None
    assert case.image.shape == (2, *SHAPE) and case.image.dtype == np.float32
    assert np.array_equal(case.image.max(axis=(1, 2, 3)), [1, 1])
    assert (case.image[:, ~case.brain_mask] == -1).all()
    _, brain_mask, _ = phantom_subject(0, "train", 0)
    assert np.array_equal(case.brain_mask, brain_mask)  # nothing was resampled
    assert np.array_equal(dataset.train[0].image, case.image)  # from the cache


def test_noise_is_as_strong_as_in_real_2_mm_data(dataset):
    image = dataset.train[1].image[0]
    white = ndimage.binary_erosion(image > np.percentile(image[image > -1], 70), iterations=2)
    detail = image - ndimage.gaussian_filter(image, 1.0)
    assert 0.015 < detail[white].std() < 0.08  # IXI T1w: 0.046-0.049


def test_cohorts_differ_in_size_only(tmp_path):
    sizes = ("small", "medium", "paper")
    small, medium, paper = (load_dataset(phantom.Settings(cohort_size=size), tmp_path) for size in sizes)
    assert [len(small.train), len(small.validation), len(small.test)] == [64, 16, 12]
    assert [len(medium.train), len(medium.validation), len(medium.test)] == [330, 41, 41]
    assert [len(paper.train), len(paper.validation), len(paper.test)] == [1320, 165, 165]
    small.validation[1]
    (kept,) = tmp_path.rglob("*.safetensors")
    before = kept.stat().st_mtime_ns
    medium.validation[1]
    assert list(tmp_path.rglob("*.safetensors")) == [kept] and kept.stat().st_mtime_ns == before


def test_fingerprints_name_what_went_in(tmp_path):
    def load(**settings):
        return load_dataset(phantom.Settings(**settings), tmp_path)

    default, soft, few, other = load(), load(lesions=LesionSettings(set="soft")), load(cases=3), load(seed=1)
    assert len(few.test) == 3 and few.test_ids == default.test_ids[:3]
    assert default.training_fingerprint == soft.training_fingerprint == few.training_fingerprint
    assert other.training_fingerprint != default.training_fingerprint
    assert len({default.fingerprint, soft.fingerprint, few.fingerprint, other.fingerprint}) == 4
    assert load().fingerprint == default.fingerprint


def test_test_cases_have_lesions_and_match_their_healthy_selves(dataset):
    sick, healthy = dataset.validation_lesions[0], dataset.validation[0]
    assert sick.lesion_mask is not None and sick.lesion_mask.sum() * 0.008 > 5  # ml
    assert np.array_equal(sick.brain_mask, healthy.brain_mask)
    far = ~ndimage.binary_dilation(sick.lesion_mask, iterations=4)
    changed = np.abs(sick.image - healthy.image)
    assert np.percentile(changed[:, far], 99.99) < 0.02  # a lesion under half a voxel is not in the mask
    assert changed[:, sick.lesion_mask].mean() > 0.1


def test_enhanced_lesions_are_the_plain_ones_times_a_factor_and_not_clipped(tmp_path):
    paper, plain = (
        load_dataset(phantom.Settings(lesions=LesionSettings(set=name)), tmp_path).test[0]
        for name in ("paper", "plain")
    )
    lesions = paper.lesion_mask
    assert np.array_equal(lesions, plain.lesion_mask)
    assert np.array_equal(paper.image[:, lesions], 1.5 * plain.image[:, lesions])
    assert np.array_equal(paper.image[:, ~lesions], plain.image[:, ~lesions])
    assert 1 < paper.image.max() <= 1.5 and plain.image.max() <= 1
    kept = load_dataset(phantom.Settings(), tmp_path).test[0]  # as written and read back
    assert np.array_equal(kept.image, paper.image)
