from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from datasets.case import NativeGrid
from datasets.preparing.preparation import (
    Extent,
    Frame,
    Scan,
    background_level,
    extent,
    prepare,
    to_native,
    training_frame,
)

CENTRE_MM = np.array([5.0, -12.0, 8.0])
RADII_MM = np.array([30.0, 40.0, 25.0])
RIGHT_SPOT_MM = CENTRE_MM + np.array([18.0, 0, 0])  # on the subject's right: tells flips apart
RAW_HEADS = Path(__file__).parents[4] / "shared/data/ixi-raw-head"


def head_affine(codes: str, spacing_mm, degrees: float = 0, centre_mm=CENTRE_MM) -> np.ndarray:
    """The affine of a grid of about 120 mm around a point, its axes such as "PSR", turned about z."""
    linear = np.zeros((3, 3))
    for axis, (to, sign) in enumerate(nibabel.orientations.axcodes2ornt(codes)):
        linear[int(to), axis] = sign * spacing_mm[axis]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ linear
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(head_shape(spacing_mm)) - 1) / 2)
    return affine


def head_shape(spacing_mm) -> tuple[int, int, int]:
    x, y, z = (round(120 / mm) for mm in spacing_mm)
    return x, y, z


def head(codes="RAS", spacing_mm=(2.0, 2.0, 2.0), degrees=0.0, centre_mm=CENTRE_MM, radii_mm=RADII_MM) -> Scan:
    """An ellipsoid with a bright 8 mm ball on its right, which is also its lesion mask."""
    affine = head_affine(codes, spacing_mm, degrees, centre_mm)
    index = np.moveaxis(np.indices(head_shape(spacing_mm)), 0, -1)
    world_mm = index @ affine[:3, :3].T + affine[:3, 3]
    brain = (((world_mm - centre_mm) / radii_mm) ** 2).sum(-1) <= 1
    spot = np.linalg.norm(world_mm - (centre_mm + np.array([18.0, 0, 0])), axis=-1) <= 8
    image = np.where(spot, 900, 400 + world_mm[..., 1]) * brain
    return Scan("sub-01", image[None].astype(np.float32), brain, spot, affine, ("T1w",))


def world_mm(mask, affine) -> np.ndarray:
    return np.argwhere(mask).mean(0) @ affine[:3, :3].T + affine[:3, 3]


def frame_of(*scans: Scan) -> Frame:
    return training_frame([extent(scan.brain_mask, scan.affine) for scan in scans])


@pytest.mark.parametrize("codes", ["RAS", "LAS", "PSR", "ILA"])
@pytest.mark.parametrize("spacing_mm", [(2.0, 2.0, 2.0), (1.0, 1.2, 1.5)])
@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_any_orientation_spacing_and_obliqueness_lands_in_the_same_place(codes, spacing_mm, degrees):
    scan = head(codes, spacing_mm, degrees)
    frame = frame_of(scan)
    case = prepare(scan, frame)
    assert case.image.shape == (1, *frame.shape)
    assert all(n % 16 == 0 for n in frame.shape)
    assert case.spacing_mm == pytest.approx((2, 2, 2))
    assert nibabel.aff2axcodes(case.affine) == ("R", "A", "S")
    assert world_mm(case.brain_mask, case.affine) == pytest.approx(CENTRE_MM, abs=0.6)
    assert world_mm(case.lesion_mask, case.affine) == pytest.approx(RIGHT_SPOT_MM, abs=0.6)
    assert case.brain_mask.sum() * 8 == pytest.approx(4 / 3 * np.pi * RADII_MM.prod(), rel=0.05)
    assert case.native.shape == scan.brain_mask.shape
    assert np.array_equal(case.native.affine, scan.affine)


def test_intensities_lie_in_minus_one_to_one_with_background_minus_one():
    case = prepare(head(), frame_of(head()))
    assert case.image.dtype == np.float32
    assert np.all(case.image[0][~case.brain_mask] == -1)
    assert case.image.max() == 1
    assert case.image[0][case.brain_mask].min() > -0.5
    assert np.median(case.image[0][case.lesion_mask]) > 0.95


def test_two_millimetre_voxels_are_not_resampled():
    scan = head("PSR")
    case = prepare(scan, frame_of(scan))
    assert case.brain_mask.sum() == scan.brain_mask.sum()
    native_order = np.sort(scan.images[0][scan.brain_mask])
    ranks = np.unique(native_order[native_order < 850]).size  # below the clip, one to one
    assert np.unique(case.image[0][case.brain_mask & ~case.lesion_mask]).size == pytest.approx(ranks, abs=2)


@pytest.mark.parametrize("codes", ["RAS", "PSR", "LPI"])
def test_the_way_back_is_exact_for_two_millimetre_scans(codes):
    scan = head(codes, degrees=15)
    case = prepare(scan, frame_of(scan))
    assert np.array_equal(to_native(case.lesion_mask, case), scan.lesion_mask)
    noise = np.random.default_rng(0).random(case.brain_mask.shape).astype(np.float32) * case.brain_mask
    back = to_native(noise, case)
    assert back.shape == scan.brain_mask.shape
    assert np.array_equal(np.sort(back[back > 0]), np.sort(noise[noise > 0]))
    assert np.array_equal(back > 0, scan.brain_mask & (back > 0))


@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_the_way_back_keeps_places_for_other_scans(degrees):
    scan = head("PSR", (1.0, 1.2, 1.5), degrees)
    case = prepare(scan, frame_of(scan))
    spot = to_native(case.lesion_mask.astype(np.float32), case) > 0.5
    assert spot.shape == scan.brain_mask.shape
    assert 2 * (spot & scan.lesion_mask).sum() / (spot.sum() + scan.lesion_mask.sum()) > 0.9


def test_subjects_on_one_grid_keep_their_common_frame():
    small, large = head(), head(radii_mm=RADII_MM * 1.3)
    off_centre = Scan("sub-02", small.images, np.roll(small.brain_mask, 5, 0), None, small.affine, ("T1w",))
    frame = frame_of(small, large, off_centre)
    assert frame.affine is not None
    cases = [prepare(scan, frame) for scan in (small, large, off_centre)]
    assert all(np.array_equal(case.affine, frame.affine) for case in cases)
    shift = np.argwhere(cases[2].brain_mask).mean(0) - np.argwhere(cases[0].brain_mask).mean(0)
    assert shift == pytest.approx([5, 0, 0])


def test_subjects_in_spaces_of_their_own_are_centred():
    here, there = head(), head("PSR", (1.0, 1.0, 1.0), centre_mm=CENTRE_MM + np.array([40, 0, 0]))
    frame = frame_of(here, there)
    assert frame.affine is None
    centres = [np.argwhere(prepare(scan, frame).brain_mask).mean(0) for scan in (here, there)]
    assert centres[0] == pytest.approx((np.array(frame.shape) - 1) / 2, abs=0.6)
    assert centres[1] == pytest.approx(centres[0], abs=0.6)


def test_a_test_subject_in_the_template_uses_its_box_at_any_resolution():
    frame = frame_of(head(), head())
    finer = prepare(head("LAS", (1.0, 1.0, 1.0)), frame)
    assert np.array_equal(finer.affine, frame.affine)
    away = prepare(head(centre_mm=CENTRE_MM + np.array([60, 0, 0])), frame)
    assert np.argwhere(away.brain_mask).mean(0) == pytest.approx((np.array(frame.shape) - 1) / 2, abs=0.6)


def test_frame_size_by_hand():
    grid = NativeGrid((60, 60, 60), np.diag([2.0, 2.0, 2.0, 1.0]))
    # 32, 33 and 40 voxels of 2 mm -> 32, 48 and 48
    assert training_frame([Extent(grid, (0, 0, 0), (31, 32, 39))]).shape == (32, 48, 48)


def test_small_negative_values_are_background():
    scan = head()
    image = scan.images.copy()
    outside = np.argwhere(~scan.brain_mask)[2000:2010]
    image[0][tuple(outside.T)] = -50
    with_negative = Scan(scan.id, image, scan.brain_mask, None, scan.affine, scan.channels)
    assert np.array_equal(prepare(with_negative, frame_of(scan)).image, prepare(scan, frame_of(scan)).image)


def test_normalised_images_keep_their_contrast():
    scan = head()
    brain = scan.images[0][scan.brain_mask]
    normalised = np.where(scan.brain_mask, (scan.images - brain.mean()) / brain.std(), 0).astype(np.float32)
    assert background_level(normalised[0], scan.brain_mask) < -0.5
    case = prepare(Scan("n", normalised, scan.brain_mask, None, scan.affine, ("T1w",)), frame_of(scan))
    assert np.unique(case.image[0][case.brain_mask]).size > 20


def test_constant_image_is_refused():
    scan = head()
    flat = Scan("sub-07", np.zeros_like(scan.images), scan.brain_mask, None, scan.affine, ("T1w",))
    with pytest.raises(BenchError, match="sub-07 has no contrast in its T1w image"):
        prepare(flat, frame_of(scan))


@pytest.mark.skipif(not RAW_HEADS.exists(), reason="real data not here")
def test_real_heads_come_back_bit_for_bit():
    image = nibabel.load(next(RAW_HEADS.rglob("*T1w.nii.gz")))
    volume = image.get_fdata(dtype=np.float32)
    brain = np.zeros(volume.shape, bool)
    brain[20:90, 30:100, 15:75] = True  # any box will do: this is about grids
    scan = Scan("raw", volume[None], brain, None, image.affine, ("T1w",))
    case = prepare(scan, frame_of(scan))
    assert np.array_equal(to_native(case.brain_mask, case), brain)
    scaled = to_native(case.image[0], case, outside=-1)
    low, high = scaled[brain].argmin(), scaled[brain].argmax()
    assert volume[brain][low] == volume[brain].min()
    assert volume[brain][high] >= np.percentile(volume[brain], 99)
    unclipped = np.abs(scaled[brain]) < 0.999
    assert np.corrcoef(scaled[brain][unclipped], volume[brain][unclipped])[0, 1] > 0.99999
