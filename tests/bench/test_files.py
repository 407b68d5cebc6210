"""The one reader of volumes, and what it says of files that it cannot use."""

import os

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from bench.files import read_mask, read_volume, save_nifti

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 2, 0, -20], [0, 0, 3, -30], [0, 0, 0, 1]])


def write(path, volume, affine=AFFINE):
    nibabel.Nifti1Image(volume, affine).to_filename(path)
    return path


def test_what_is_saved_is_read_again(tmp_path):
    volume = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    save_nifti(tmp_path / "new" / "map.nii.gz", volume, AFFINE)
    read, affine = read_volume(tmp_path / "new" / "map.nii.gz")
    assert np.array_equal(read, volume) and read.dtype == np.float32
    assert np.array_equal(affine, AFFINE) and affine.dtype == np.float64
    save_nifti(tmp_path / "mask.nii.gz", volume > 0, AFFINE)
    assert nibabel.load(tmp_path / "mask.nii.gz").get_data_dtype() == np.uint8
    mask, _ = read_mask(tmp_path / "mask.nii.gz")
    assert np.array_equal(mask, volume > 0)


def test_scale_slopes_are_applied_and_axes_of_one_dropped(tmp_path):
    image = nibabel.Nifti1Image(np.array([[[0, 1, 2]]], np.uint8)[..., None, None], AFFINE)
    image.header.set_slope_inter(0.25, 1)
    image.to_filename(tmp_path / "scaled.nii")
    assert read_volume(tmp_path / "scaled.nii")[0].tolist() == [[[1, 1.25, 1.5]]]


def test_a_mask_is_what_reaches_a_half(tmp_path):
    path = write(tmp_path / "soft.nii.gz", np.array([[[0.0, 0.49, 0.5, 2]]], np.float32))
    assert read_mask(path)[0].tolist() == [[[False, False, True, True]]]


def test_values_that_are_not_finite_are_refused_unless_asked_for(tmp_path):
    path = write(tmp_path / "nan.nii.gz", np.array([[[0.0, np.nan]]], np.float32))
    with pytest.raises(BenchError, match=r"nan.nii.gz contains NaN or infinite values; replace them by 0\."):
        read_volume(path)
    assert np.isnan(read_volume(path, finite=False)[0]).sum() == 1


def test_files_that_cannot_be_used(tmp_path):
    four = write(tmp_path / "four.nii.gz", np.zeros((2, 2, 2, 2), np.float32))
    with pytest.raises(BenchError, match=r"has 4 dimensions \(2, 2, 2, 2\); keep one 3D volume\."):
        read_volume(four)
    os.truncate(four, 60)
    for path in (four, tmp_path / "gone.nii.gz"):
        with pytest.raises(BenchError, match="cannot be read: it is damaged or no NIfTI file"):
            read_volume(path)
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.float32), None)
    image.header.set_sform(np.diag([0.0, 2, 2, 1]), code=1)
    image.to_filename(tmp_path / "flat.nii.gz")
    with pytest.raises(BenchError, match="has no valid affine in its header"):
        read_volume(tmp_path / "flat.nii.gz")
