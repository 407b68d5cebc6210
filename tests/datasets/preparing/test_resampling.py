import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.preparing.resampling import resample


def affine_of(codes: str, spacing_mm=(2.0, 2.0, 2.0), origin_mm=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Axes such as "PSR", voxel sizes along the array's axes, and where voxel (0, 0, 0) lies."""
    orientation = nibabel.orientations.axcodes2ornt(codes)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (to, sign) in enumerate(orientation):
        affine[int(to), axis] = sign * spacing_mm[axis]
    affine[:3, 3] = origin_mm
    return affine


@given(
    codes=st.sampled_from(["RAS", "LPI", "PSR", "ILA", "SAR", "LAS"]),
    shift=st.tuples(*[st.integers(-3, 3)] * 3),
)
def test_aligned_grids_copy_bit_for_bit_there_and_back(codes, shift):
    volume = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    affine = affine_of(codes)
    # a RAS grid of 30^3 voxels that holds the whole volume, wherever its axes run
    to_affine = affine_of("RAS", origin_mm=2.0 * (np.array(shift) - 15))
    there = resample(volume, affine, to_affine, (30, 30, 30))
    back = resample(there, to_affine, affine, volume.shape)
    assert np.array_equal(back, volume)
    assert np.count_nonzero(there) == volume.size


def test_a_voxel_keeps_its_place_in_the_world():
    volume = np.zeros((4, 5, 6), bool)
    volume[1, 2, 3] = True
    affine = affine_of("PSR", origin_mm=(10, 20, 30))  # +x index runs to posterior, +y to superior, +z to right
    world_mm = affine @ [1, 2, 3, 1]
    assert world_mm[:3].tolist() == [16, 18, 34]
    to_affine = affine_of("RAS", origin_mm=(0, 0, 0))
    there = resample(volume, affine, to_affine, (20, 20, 20))
    assert np.argwhere(there).tolist() == [[8, 9, 17]]


def test_outside_is_filled():
    volume = np.ones((3, 3, 3), np.float32)
    there = resample(volume, np.eye(4), affine_of("RAS", (1, 1, 1), (-1, 0, 0)), (5, 3, 3), outside=-7)
    assert there[:, 0, 0].tolist() == [-7, 1, 1, 1, -7]


def test_linear_interpolation_keeps_a_ramp():
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None], (20, 20, 20)).copy()
    finer = resample(ramp, affine_of("RAS"), affine_of("RAS", (1, 1, 1), (4, 4, 4)), (20, 20, 20))
    assert finer[:, 5, 5] == pytest.approx(2 + np.arange(20) / 2)
    assert finer.dtype == np.float32


def test_downsampling_is_antialiased():
    stripes = np.zeros((40, 40, 40), np.float32)
    stripes[::2] = 1  # finest pattern at 1 mm: plain sampling at 2 mm would give all ones or all zeros
    coarse = resample(stripes, np.eye(4), affine_of("RAS", (2, 2, 2)), (20, 20, 20))
    assert 0.2 < coarse[10, 10, 10] < 0.8


def test_labels_take_the_nearest_voxel():
    label = np.zeros((10, 10, 10), bool)
    label[4:6, 4:6, 4:6] = True
    finer = resample(label, affine_of("RAS"), affine_of("RAS", (1, 1, 1), (-0.5, -0.5, -0.5)), (20, 20, 20))
    assert finer.dtype == np.bool_
    assert finer.sum() == label.sum() * 8
    assert finer[8:12, 8:12, 8:12].all()
