import nibabel
import numpy as np
import pytest
from scipy import ndimage

from bench.errors import BenchError
from datasets.lesions.generator import simulate_lesions
from datasets.lesions.generators.mslesionsimulator import (
    OFFSET_SD,
    RATIOS,
    Ratio,
    lesion_field,
    lesion_offsets,
    white_matter_part,
)
from datasets.lesions.settings import LesionSettings
from datasets.lesions.shapes import MNI_AFFINE, MNI_SHAPE, SIZE_CLASSES
from datasets.preparing import preparation

CHANNELS = ("T1w", "T2w")
SHAPE = (80, 96, 80)
AFFINE = np.array([[2.0, 0, 0, -78], [0, 2, 0, -112], [0, 0, 2, -72], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """Two cubes a class, side by side in the white matter of the brain below."""
    folder = tmp_path_factory.mktemp("atlas")
    for size, width in zip(SIZE_CLASSES, (18, 11, 7, 5, 3), strict=True):
        (folder / size.folder).mkdir()
        for number in range(2):
            volume = np.zeros(MNI_SHAPE, np.uint8)
            row = 20 * SIZE_CLASSES.index(size)
            for x in (60, 100):
                volume[x : x + width, 70 + row : 70 + row + width, 70 + 20 * number : 70 + 20 * number + width] = 1
            nibabel.save(nibabel.Nifti1Image(volume, MNI_AFFINE), folder / size.folder / f"{number}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def scan():
    """A brain in MNI space: an ellipsoid of white matter with a dark shell, and a bright centre in T2w."""
    places = np.moveaxis(np.indices(SHAPE), 0, -1) * 2 + AFFINE[:3, 3]
    radius = np.linalg.norm((places - [0, -17, 5]) / [70, 88, 72], axis=-1)
    brain_mask = radius < 1
    rng = np.random.default_rng(0)
    t1w = np.where(radius < 0.85, 1000, 600) + 10 * rng.standard_normal(SHAPE)
    t2w = np.where(radius < 0.1, 1000, np.where(radius < 0.85, 350, 500)) + 10 * rng.standard_normal(SHAPE)
    return (np.stack([t1w, t2w]) * brain_mask).astype(np.float32), brain_mask


def simulated(scan, atlas, lesion_set, seed=0, **settings):
    return put_in(scan, CHANNELS, LesionSettings(set=lesion_set, atlas=atlas, **settings), seed)


def put_in(scan, channels, settings, seed=0):
    """Images and lesion mask."""
    found = simulate_lesions(preparation.Scan("sub-01", *scan, None, AFFINE, channels), settings, seed)
    return found.images, found.lesion_mask


def test_sets_share_their_masks(scan, atlas):
    masks = [simulated(scan, atlas, name)[1] for name in ("paper", "plain", "soft")]
    assert masks[0].sum() * 0.008 > 5  # ml
    assert np.array_equal(masks[0], masks[1]) and np.array_equal(masks[0], masks[2])
    assert not (masks[0] & ~scan[1]).any()


def test_one_seed_one_result(scan, atlas):
    images, mask = simulated(scan, atlas, "paper")
    again, again_mask = simulated(scan, atlas, "paper")
    assert np.array_equal(images, again) and np.array_equal(mask, again_mask)
    assert not np.array_equal(simulated(scan, atlas, "paper", seed=1)[0], images)
    assert images.dtype == np.float32 and mask.dtype == bool


def test_only_lesions_and_their_blurred_edges_change(scan, atlas):
    healthy, brain_mask = scan
    for name, reach in (("paper", 2), ("plain", 2), ("soft", 6)):
        images, mask = simulated(scan, atlas, name)
        far = ~ndimage.binary_dilation(mask, np.ones((3, 3, 3)), iterations=reach)
        assert np.array_equal(images[:, far], healthy[:, far])
        assert np.all((images != healthy)[:, mask].any(axis=0))
        assert np.array_equal(images[:, ~brain_mask], healthy[:, ~brain_mask])


@pytest.mark.parametrize("lesion_set", ["plain", "soft"])
def test_intensity_ratio_is_that_of_the_channel(scan, atlas, lesion_set):
    images, mask = simulated(scan, atlas, lesion_set, soft_fwhm_mm=1.8)
    core = ndimage.binary_erosion(mask, iterations=2)
    for image, healthy, channel in zip(images, scan[0], CHANNELS, strict=True):
        ratio = (image / np.maximum(healthy, 1))[core].mean()
        assert abs(ratio - RATIOS[channel].mean) < OFFSET_SD * RATIOS[channel].sd + 0.02


def test_the_generator_leaves_enhancement_to_others(scan, atlas):
    for one, other in zip(simulated(scan, atlas, "plain"), simulated(scan, atlas, "paper"), strict=True):
        assert np.array_equal(one, other)


def test_soft_lesions_have_no_noise_and_soft_edges(scan, atlas):
    soft, mask = simulated(scan, atlas, "soft", soft_fwhm_mm=5.0)
    plain, _ = simulated(scan, atlas, "plain")
    core = ndimage.binary_erosion(mask, iterations=2)
    healthy = np.maximum(scan[0], 1)
    assert (plain / healthy)[1][core].std() > 0.2 > 0.1 > (soft / healthy)[1][core].std()
    outside = ndimage.binary_dilation(mask) & ~mask
    changed = np.abs(soft / healthy - 1)[1][outside].mean()
    assert changed > 1.5 * np.abs(plain / healthy - 1)[1][outside].mean()


def test_softness_is_estimated_from_the_image(scan, atlas):
    images, brain_mask = scan
    blurred = np.stack([ndimage.gaussian_filter(image, 1.2) for image in images]) * brain_mask
    estimated, mask = put_in((blurred, brain_mask), CHANNELS, LesionSettings(set="soft", atlas=atlas))
    outside = ndimage.binary_dilation(mask) & ~mask
    sharper, _ = put_in((blurred, brain_mask), CHANNELS, LesionSettings(set="soft", atlas=atlas, soft_fwhm_mm=1.8))
    change = [np.abs(images - blurred)[:, outside].mean() for images in (estimated, sharper)]
    assert change[0] > 1.3 * change[1]


def test_white_matter_is_what_lies_near_the_mean():
    image = np.zeros((10, 1, 1), np.float32)
    image[:9, 0, 0] = [10, 10, 10, 10, 10, 10, 10, 10, 20]
    mask = np.ones((10, 1, 1), dtype=bool)
    mask[9] = False
    # mean 11.1, sd 3.14: 20 is 2.8 sd away, 10 is 0.35
    kept = white_matter_part(image, mask)
    assert kept[:8].all() and not kept[8] and not kept[9]


def test_offsets_stay_within_their_limit_and_differ():
    offsets = lesion_offsets(500, 0.07, np.random.default_rng(0))
    assert np.abs(offsets).max() <= 0.07 and len(np.unique(offsets)) == 500
    assert offsets.min() < -0.06 and offsets.max() > 0.06


def test_field_is_one_outside_and_a_ratio_of_its_own_in_each_lesion():
    mask = np.zeros((40, 20, 20), dtype=bool)
    mask[4:14, 5:15, 5:15] = mask[26:36, 5:15, 5:15] = True
    ratio, sharp = Ratio(0.8, 0.1), np.full(3, 0.375, np.float32)
    field = lesion_field(mask, ratio, sharp, seed=0, channel="T1w", noisy=False)
    assert np.array_equal(field[18:22], np.ones((4, 20, 20)))
    first, second = field[6:12, 7:13, 7:13], field[28:34, 7:13, 7:13]
    assert np.ptp(first) < 1e-5 and np.ptp(second) < 1e-5 and abs(first.mean() - second.mean()) > 1e-4
    assert abs(first.mean() - 0.8) <= 0.05 + 1e-5
    noisy = lesion_field(mask, ratio, sharp, seed=0, channel="T1w", noisy=True)
    assert (noisy - field)[6:12, 7:13, 7:13].std() == pytest.approx(0.1, rel=0.25)
    assert not np.array_equal(noisy, lesion_field(mask, ratio, sharp, seed=1, channel="T1w", noisy=True))


def test_lesions_that_share_an_edge_or_a_corner_have_offsets_of_their_own():
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[4:8, 4:8, 4:8] = mask[8:12, 8:12, 4:8] = mask[8:12, 12:16, 8:12] = True  # edges touch
    field = lesion_field(mask, Ratio(0.8, 0.1), np.zeros(3, np.float32), seed=0, channel="T1w", noisy=False)
    values = [field[5, 5, 5], field[9, 9, 5], field[9, 13, 9]]
    assert len(set(values)) == 3 and np.unique(field[mask]).size == 3


def test_unknown_channels_are_refused(scan, atlas):
    with pytest.raises(BenchError, match="cannot be simulated in the channel bold; use some of T1w, T2w, FLAIR, PDw"):
        put_in(scan, ("T1w", "bold"), LesionSettings(atlas=atlas))


def test_channels_have_lesions_of_their_own_kind(scan, atlas):
    images, brain_mask = scan
    same = np.stack([images[0], images[0]])
    sick, mask = put_in((same, brain_mask), ("T1w", "FLAIR"), LesionSettings(set="plain", atlas=atlas))
    assert sick[0][mask].mean() < images[0][mask].mean() < sick[1][mask].mean()
