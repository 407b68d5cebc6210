"""The one reader of volumes, and what it says of files that it cannot use."""

import gzip
import os

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from bench.files import read_mask, read_scores, read_volume, save_nifti, visible_files

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
    with pytest.raises(BenchError, match=r"gone.nii.gz cannot be opened; fetch its content if it is a link\."):
        read_volume(tmp_path / "gone.nii.gz")
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.float32), None)
    image.header.set_sform(np.diag([0.0, 2, 2, 1]), code=1)
    image.to_filename(tmp_path / "flat.nii.gz")
    with pytest.raises(BenchError, match="has no valid affine in its header"):
        read_volume(tmp_path / "flat.nii.gz")


@pytest.mark.parametrize("read", [read_volume, read_scores, read_mask])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_every_reader_drops_axes_of_one_and_goes_by_content_not_by_name(tmp_path, read, dtype):
    volume = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    plain = write(tmp_path / "plain.nii", volume[..., None, None])
    packed = write(tmp_path / "packed.nii.gz", volume)
    for path in (plain, packed, plain.rename(tmp_path / "a.nii.gz"), packed.rename(tmp_path / "b.nii")):
        if path.exists():
            assert np.array_equal(read(path)[0], volume >= 0.5 if read is read_mask else volume)


@pytest.mark.parametrize("read", [read_volume, read_scores, read_mask])
@pytest.mark.parametrize(("unit", "mm"), [("micron", 0.001), ("mm", 1), ("meter", 1000), (0, 1)])
def test_units_of_length_are_honoured(tmp_path, read, unit, mm):
    for kind in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        image = kind(np.ones((2, 3, 4), np.float32), AFFINE)
        image.header.set_xyzt_units(unit, "sec")
        image.to_filename(tmp_path / "image.nii.gz")
        assert np.allclose(read(tmp_path / "image.nii.gz")[1], np.diag([mm, mm, mm, 1]) @ AFFINE)


@pytest.mark.parametrize("position", [0, 12, 60, 200, -8, -5, -1])
def test_a_flipped_byte_anywhere_is_noticed(tmp_path, position):
    path = write(tmp_path / "map.nii.gz", np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"map.nii.gz is (damaged or incomplete|no NIfTI file)"):
        read_scores(path)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 500])
def test_a_cut_file_is_noticed_compressed_or_not(tmp_path, cut):
    volume = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    for name, sentence in (("map.nii.gz", "is damaged or incomplete: gzip"), ("map.nii", "ends early: its header")):
        path = write(tmp_path / name, volume)
        os.truncate(path, path.stat().st_size - cut)
        with pytest.raises(BenchError, match=f"{name} {sentence}"):
            read_volume(path)


@pytest.mark.parametrize(
    ("dtype", "label"),
    [
        (np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]), "RGB"),
        (np.complex64, "complex64"),
        (np.complex128, "complex128"),
    ],
)
def test_values_that_are_no_real_numbers_are_refused_by_the_name_of_their_type(tmp_path, dtype, label):
    path = write(tmp_path / "image.nii.gz", np.zeros((2, 2, 2), dtype))
    for read in (read_volume, read_scores, read_mask):
        with pytest.raises(BenchError, match=rf"image.nii.gz holds {label} values; store one real number a voxel"):
            read(path)


def test_a_header_that_promises_more_than_the_file_holds_is_refused_before_anything_is_allocated(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((32000, 32000, 32000))
    for name in ("huge.nii", "huge.nii.gz"):
        path = tmp_path / name
        content = header.binaryblock + bytes(2000)
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        with pytest.raises(BenchError, match=rf"{name} ends early: its header promises \(32000, 32000, 32000\) voxels"):
            read_volume(path)


def test_other_files_are_told_apart(tmp_path):
    path = tmp_path / "sub-1.nii.gz"
    for content, sentence in (
        (b"", "has no content, 0 bytes"),
        (b"version https://git-lfs.github.com/spec/v1", "is no NIfTI file"),
        (gzip.compress(b"x" * 1000), "is no NIfTI file"),
    ):
        path.write_bytes(content)
        with pytest.raises(BenchError, match=sentence):
            read_volume(path)
    header = nibabel.Nifti1Header()
    header["datatype"] = 999
    path.write_bytes(header.binaryblock + bytes(100))
    with pytest.raises(BenchError, match="has a damaged NIfTI header"):
        read_volume(path)
    header = nibabel.Nifti1Header()
    header["dim"] = [3, -2, 4, 4, 1, 1, 1, 1]
    path.write_bytes(header.binaryblock + bytes(100))
    with pytest.raises(BenchError, match=r"has a shape without voxels, \(-2, 4, 4\)"):
        read_volume(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BenchError, match="cannot be opened"):
        read_volume(path)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.float64])
def test_scores_keep_what_single_precision_would_make_equal(tmp_path, dtype):
    volume = np.array([[[2**30, 2**30 + 1, 2**30 + 2]]], dtype)
    path = tmp_path / "map.nii.gz"
    nibabel.Nifti1Image(volume, AFFINE, dtype=dtype).to_filename(path)
    read, _ = read_scores(path)
    assert read.dtype == np.float64 and np.array_equal(read, volume)
    save_nifti(path, read, AFFINE)
    assert np.array_equal(read_scores(path)[0], volume)
    with pytest.raises(BenchError, match="from 1073741825 to 1073741826, which single precision cannot tell apart"):
        read_volume(path)


def test_scores_that_even_double_precision_makes_equal_are_refused(tmp_path):
    path = tmp_path / "map.nii.gz"
    nibabel.Nifti1Image(np.array([[[0, 2**60, 2**60 + 1]]]), AFFINE, dtype=np.int64).to_filename(path)
    with pytest.raises(BenchError, match=r"holds int64 values that become equal in double precision, 2 of 3 are left"):
        read_scores(path)


@pytest.mark.parametrize("value", [0.0039, 0.45, -1])
def test_a_mask_with_values_of_which_none_reaches_a_half_is_refused(tmp_path, value):
    path = write(tmp_path / "label.nii.gz", np.array([[[0, value]]], np.float32))
    with pytest.raises(BenchError, match=rf"has values, such as {value}, but none reaches 0.5; is it scaled\?"):
        read_mask(path)
    assert not read_mask(write(tmp_path / "empty.nii.gz", np.zeros((1, 1, 2), np.float32)))[0].any()


def test_hidden_files_are_not_seen(tmp_path):
    for name in ("a/1.nii", "a/._1.nii", "a/.DS_Store", ".b/2.nii", "3.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert visible_files(tmp_path, "**/*.nii") == [tmp_path / "3.nii", tmp_path / "a" / "1.nii"]
