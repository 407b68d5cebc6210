"""Bad folders and bad subjects: one sentence each; a bad subject is set aside, the others are used."""

import gzip
import os
import re
import shutil

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError


def four_dimensions(scans, path):
    scans.write(path, np.stack([scans.brain(1)] * 2, axis=-1))


def not_a_number(scans, path):
    volume = scans.brain(1)
    volume[12, 14, 10] = np.nan
    scans.write(path, volume)


def all_zero(scans, path):
    scans.write(path, np.zeros(scans.shape, np.float32))


def truncated(scans, path):
    os.truncate(path, path.stat().st_size // 2)


def text_file(scans, path):
    path.write_text("not an image")


def damaged_gzip(scans, path):
    path.write_bytes(gzip.compress(b"x" * 1000)[:-20] + b"0" * 40)


def flipped_byte(scans, path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # of the checksum, which lies behind all voxels
    path.write_bytes(content)


def in_metres(scans, path):
    image = nibabel.Nifti1Image(scans.brain(1), scans.affine)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, path)


def on_an_offset(scans, path):
    brain = scans.brain(1).astype(np.float64) / 1000
    scans.write(path, np.where(brain > 0, 1e9 + brain, 0))


def scaled_lesion_mask(scans, path):
    scans.write(scans.path("sub-00", "label-lesion_mask"), (scans.lesion() * 0.0039).astype(np.float32))


def empty_file(scans, path):
    path.write_bytes(b"")


def broken_link(scans, path):
    path.unlink()
    path.symlink_to("nowhere.nii.gz")


def whole_head(scans, path):
    scans.write(path, np.random.default_rng(0).uniform(1, 9, scans.shape).astype(np.float32))


def large_head(scans, path):
    scans.write(path, scans.brain(1), np.diag([20.0, 20, 20, 1]))


def no_affine(scans, path):
    image = nibabel.Nifti1Image(scans.brain(1), None)
    image.header.set_sform(np.diag([0.0, 2, 2, 1]), code=1)
    nibabel.save(image, path)


def second_t1w(scans, path):
    scans.write(path.with_name(path.name.replace("_T1w", "_run-2_T1w")), scans.brain(1))


def no_t1w(scans, path):
    path.unlink()


def same_as_another(scans, path):
    shutil.copy(scans.path("sub-01", "T1w"), path)


def lesion_mask_of_another_shape(scans, path):
    scans.write(scans.path("sub-00", "label-lesion_mask"), np.ones((5, 6, 7), np.uint8))


def lesion_mask_elsewhere(scans, path):
    affine = scans.affine + np.array([[0, 0, 0, 30.0]] * 3 + [[0, 0, 0, 0]])
    scans.write(scans.path("sub-00", "label-lesion_mask"), scans.lesion(), affine)


def empty_lesion_mask(scans, path):
    scans.write(scans.path("sub-00", "label-lesion_mask"), np.zeros(scans.shape, np.uint8))


def lesion_mask_outside(scans, path):
    mask = np.zeros(scans.shape, np.uint8)
    mask[0, 0, 0] = 1
    scans.write(scans.path("sub-00", "label-lesion_mask"), mask)


def lesion_mask_of_another_space(scans, path):
    scans.write(scans.path("sub-00", "space-MNI152_label-lesion_mask"), scans.lesion())


def empty_brain_mask(scans, path):
    scans.write(scans.path("sub-00", "desc-brain_mask"), np.zeros(scans.shape, np.uint8))


def two_brain_masks(scans, path):
    for name in ("mask", "desc-brain_mask"):
        scans.write(scans.path("sub-00", name), np.ones(scans.shape, np.uint8))


def t2w_slab(scans, path):
    scans.write(scans.path("sub-00", "T2w"), scans.brain(1001)[:12])


def t2w_padded_slab(scans, path):
    slab = scans.brain(1001)
    slab[12:] = 0
    scans.write(scans.path("sub-00", "T2w"), slab)


def t2w_elsewhere(scans, path):
    affine = scans.affine + np.array([[500.0]] * 3 + [[0]]) * [0, 0, 0, 1]
    scans.write(scans.path("sub-00", "T2w"), scans.brain(1), affine)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (four_dimensions, r"sub-00_T1w.nii.gz has 4 dimensions \(24, 28, 20, 2\); keep one 3D volume\."),
        (not_a_number, r"sub-00_T1w.nii.gz contains NaN or infinite values; replace them by 0\."),
        (all_zero, r"sub-00_T1w.nii.gz is empty: all its voxels have one value"),
        (truncated, r"sub-00_T1w.nii.gz is damaged or incomplete: gzip cannot unpack it; copy it again\."),
        (text_file, r"sub-00_T1w.nii.gz is no NIfTI file; convert it"),
        (damaged_gzip, r"sub-00_T1w.nii.gz is damaged or incomplete: gzip cannot unpack it; copy it again\."),
        (flipped_byte, r"sub-00_T1w.nii.gz is damaged or incomplete: gzip cannot unpack it; copy it again\."),
        (empty_file, r"sub-00_T1w.nii.gz has no content, 0 bytes; copy it again\."),
        (in_metres, r"sub-00_T1w.nii.gz is 56 m long by its header; mend its voxel size or unit \(xyzt_units\)\."),
        (
            on_an_offset,
            r"has values from 1000000000\.1\d* to 1000000001, which single precision cannot tell apart; subtract an",
        ),
        (scaled_lesion_mask, r"lesion_mask.nii.gz has values, such as 0.0039, but none reaches 0.5; is it scaled\?"),
        (broken_link, r"sub-00_T1w.nii.gz cannot be opened; fetch its content if it is a link\."),
        (
            whole_head,
            r"sub-00_T1w.nii.gz is not brain-extracted: its background is not constant; run a brain",
        ),
        (
            large_head,
            r"sub-00_T1w.nii.gz seems to be a whole head \(\d+\.\d litres above background\); run a",
        ),
        (no_affine, r"sub-00_T1w.nii.gz has no valid affine"),
        (second_t1w, r"sub-00 has 2 files that could be its T1w image \(.*run-2.*\); keep one\."),
        (no_t1w, r"sub-00 has no T1w image\."),
        (same_as_another, r"sub-01 has the same image as sub-00; remove one\."),
        (
            lesion_mask_of_another_shape,
            r"lesion_mask.nii.gz has the shape \(5, 6, 7\), but sub-00_T1w.nii.gz has .*: resample one",
        ),
        (
            lesion_mask_elsewhere,
            r"lesion_mask.nii.gz has the affine \[.*6; .*\], but sub-00_T1w.nii.gz has .*: resample one to the other",
        ),
        (empty_lesion_mask, r"lesion_mask.nii.gz has no voxel set"),
        (lesion_mask_outside, r"lesion_mask.nii.gz lies outside the brain"),
        (lesion_mask_of_another_space, r"lesion_mask.nii.gz is not in the space of sub-00_T1w.nii.gz"),
        (empty_brain_mask, r"desc-brain_mask.nii.gz has no voxel set"),
        (two_brain_masks, r"sub-00 has 2 files that could be its brain mask"),
        (t2w_elsewhere, r"sub-00_T2w.nii.gz does not overlap sub-00_T1w.nii.gz"),
        (t2w_slab, r"sub-00_T2w.nii.gz shows only 50 % of the brain of sub-00_T1w.nii.gz, at least 90 % are needed"),
        (t2w_padded_slab, r"sub-00_T2w.nii.gz shows only 50 % of the brain of sub-00_T1w.nii.gz"),
    ],
)
def test_a_bad_subject_is_set_aside_with_one_sentence(cohort, load, spoil, sentence):
    spoil(cohort, cohort.path("sub-00", "T1w"))
    dataset = load(cohort.root)
    assert len(dataset.set_aside) == 1
    reason = dataset.set_aside[0].reason
    assert re.search(sentence, reason), reason
    assert "\n" not in reason
    assert reason.endswith(".")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 9


def test_none_left_says_why(scans, load):
    for k in range(3):
        scans.add(f"sub-{k}", k)
        truncated(scans, scans.path(f"sub-{k}", "T1w"))
    with pytest.raises(BenchError, match=r"No subject of .*scans can be used; the first problem: .*sub-0_T1w"):
        load(scans.root)


def test_a_mended_subject_is_used(cohort, load):
    truncated(cohort, cohort.path("sub-00", "T1w"))
    assert len(load(cohort.root).set_aside) == 1
    cohort.add("sub-00", 0)
    assert load(cohort.root).set_aside == ()


def test_unusable_folders(scans, load, tmp_path):
    with pytest.raises(BenchError, match="needs a folder: name it with --root"):
        load(None)
    with pytest.raises(BenchError, match=r"nowhere does not exist; check --root"):
        load(tmp_path / "nowhere")
    scans.root.mkdir()
    with pytest.raises(BenchError, match="holds no T1w image with a BIDS name, such as sub-01/anat"):
        load(scans.root)


def test_one_healthy_subject_is_not_enough(scans, load):
    scans.add("sub-0", 0)
    with pytest.raises(BenchError, match=r"1 healthy subject.*at least 2 are needed"):
        load(scans.root)


def test_a_table_without_validation(cohort, load):
    cohort.table("participant_id split\nsub-00 train\nsub-01 train\nsub-02 test")
    with pytest.raises(BenchError, match="puts no healthy subject into the split validation"):
        load(cohort.root)
