import gzip
import os
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from datasets.load import load_dataset

DATA = Path(__file__).parents[3] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="real data not here")


def ids(cases) -> list[str]:
    return [case.id for case in cases]


def simulate_bright_ball(images, brain_mask, affine, channels, settings, seed):
    """Stands in for the simulator: three voxels of the brain, drawn by seed."""
    chosen = np.random.default_rng(seed).permutation(np.argwhere(brain_mask))[:3]
    lesion_mask = np.zeros_like(brain_mask)
    lesion_mask[tuple(chosen.T)] = True
    return np.where(lesion_mask, images * 1.5, images).astype(np.float32), lesion_mask


@pytest.fixture
def simulator(monkeypatch):
    monkeypatch.setattr("datasets.lesions.simulate_lesions", simulate_bright_ball)


def test_a_healthy_cohort(cohort, settings, simulator):
    dataset = load_dataset(settings(cohort.root))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (8, 1, 1)
    assert sorted(ids(dataset.train) + ids(dataset.validation) + ids(dataset.test)) == [
        f"sub-{k:02d}" for k in range(10)
    ]
    assert dataset.channels == ("T1w", "T2w")
    assert dataset.set_aside == ()
    case = dataset.train[0]
    assert case.image.shape == (2, 16, 32, 16)  # brain of 17 x 19 x 14 voxels
    assert case.lesion_mask is None
    test = dataset.test[0]
    assert dataset.test_ids == (test.id,)
    assert test.lesion_mask.sum() == 3
    assert ids(dataset.validation_lesions) == ids(dataset.validation)
    assert dataset.validation_lesions[0].lesion_mask.sum() == 3
    assert "8 train, 1 validation, 1 test" in dataset.description["subjects"]


def test_the_second_load_reads_what_the_first_one_kept(cohort, settings, monkeypatch):
    first = [case.image for case in load_dataset(settings(cohort.root)).train]
    monkeypatch.setattr("datasets.reading.read_scan", None)  # would fail if called
    second = [case.image for case in load_dataset(settings(cohort.root)).train]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_fingerprints_do_not_know_places_or_times(cohort, settings, tmp_path):
    here = load_dataset(settings(cohort.root))
    moved = tmp_path / "elsewhere" / "copy"
    shutil.copytree(cohort.root, moved, copy_function=shutil.copyfile)
    for path in moved.rglob("*.nii.gz"):
        os.utime(path, (1, 1))
    there = load_dataset(settings(moved, cache_folder=tmp_path / "other-cache"))
    assert there.training_fingerprint == here.training_fingerprint
    assert there.fingerprint == here.fingerprint
    assert ids(there.train) == ids(here.train)


def test_fingerprints_know_content_seed_lesions_and_number_of_cases(cohort, settings):
    base = load_dataset(settings(cohort.root))
    soft = load_dataset(settings(cohort.root, lesions={"set": "soft"}))
    assert soft.training_fingerprint == base.training_fingerprint
    assert soft.fingerprint != base.fingerprint
    reseeded = load_dataset(settings(cohort.root, seed=1))
    assert reseeded.training_fingerprint != base.training_fingerprint
    changed = next(id for id in ids(base.train))
    cohort.write(cohort.path(changed, "T1w"), cohort.brain(77))
    assert load_dataset(settings(cohort.root)).training_fingerprint != base.training_fingerprint


def test_first_cases_only(cohort, settings):
    cohort.table(
        "participant_id split\n"
        + "".join(f"sub-{k:02d} {'train' if k < 4 else 'validation' if k < 6 else 'test'}\n" for k in range(10))
    )
    every = load_dataset(settings(cohort.root))
    two = load_dataset(settings(cohort.root, cases=2))
    assert every.test_ids == ("sub-06", "sub-07", "sub-08", "sub-09")
    assert two.test_ids == ("sub-06", "sub-07")
    assert len(two.test) == 2
    assert two.training_fingerprint == every.training_fingerprint
    assert two.fingerprint != every.fingerprint


def test_named_splits(scans, settings):
    for k in range(4):
        scans.add(f"sub-{k}", k)
    scans.table("participant_id age split\nsub-0 30 test\n1 31 Train\nsub-2 32 validation\nsub-3 33 n/a")
    dataset = load_dataset(settings(scans.root))
    assert (ids(dataset.train), ids(dataset.validation), dataset.test_ids) == (
        ["sub-1"],
        ["sub-2"],
        ("sub-0",),
    )
    assert [one.reason for one in dataset.set_aside] == ["sub-3 has no split in participants.tsv."]


def test_a_split_of_unknown_name(cohort, settings):
    cohort.table("participant_id split\nsub-00 train\nsub-01 held-out")
    with pytest.raises(BenchError, match=r"participants.tsv, line 3: the split 'held-out' must be"):
        load_dataset(settings(cohort.root))


def test_labelled_subjects_are_test_cases_beside_simulated_ones(cohort, settings, simulator):
    cohort.add("sub-ms", 50, "T2w", "label-lesion_mask")
    dataset = load_dataset(settings(cohort.root))
    assert (len(dataset.train), len(dataset.validation)) == (8, 1)
    assert dataset.test_ids[-1] == "sub-ms"
    assert [int(case.lesion_mask.sum()) for case in dataset.test] == [3, 27]
    assert dataset.description["test cases"].startswith("1 with real lesion masks and 1 healthy")


def test_a_real_lesion_mask_keeps_its_place(cohort, settings):
    cohort.add("sub-ms", 50, "T2w", "label-lesion_mask")
    case = load_dataset(settings(cohort.root)).test[-1]
    centre_mm = np.argwhere(case.lesion_mask).mean(0) @ case.affine[:3, :3].T + case.affine[:3, 3]
    assert centre_mm.tolist() == (np.array([15, 13, 10]) * 2 + cohort.affine[:3, 3]).tolist()


def test_patients_with_a_healthy_folder_to_learn_from(cohort, settings, tmp_path):
    patients = type(cohort)(tmp_path / "patients")
    patients.add("sub-00", 60, "T2w", "label-lesion_mask")
    with pytest.raises(BenchError, match=r"0 healthy subject.*--train-root"):
        load_dataset(settings(patients.root))
    dataset = load_dataset(settings(patients.root, train_root=cohort.root))
    assert dataset.test_ids == ("sub-00",)
    assert dataset.test[0].lesion_mask.sum() == 27
    alone = load_dataset(settings(cohort.root))
    assert dataset.training_fingerprint == alone.training_fingerprint  # components are shared
    assert ids(dataset.train) == ids(alone.train)


def test_what_was_learned_from_is_not_tested_on(cohort, settings):
    dataset = load_dataset(settings(cohort.root, train_root=cohort.root))
    assert len(dataset.test_ids) == 1
    assert not set(dataset.test_ids) & {*ids(dataset.train), *ids(dataset.validation)}
    assert "is also in the folder to learn from" in dataset.set_aside[0].reason


def test_channels_that_all_have(cohort, settings):
    cohort.path("sub-03", "T2w").unlink()
    dataset = load_dataset(settings(cohort.root))
    assert dataset.channels == ("T1w",)
    assert dataset.train[0].image.shape[0] == 1
    assert dataset.description["channels"] == "T1w (T2w left out: 1 of 10 subjects have none)"


def test_t2w_of_another_grid_is_brought_to_t1w(scans, settings):
    for k in range(3):
        scans.add(f"sub-{k}", k)
        t1w = nibabel.load(scans.path(f"sub-{k}", "T1w"))
        # the same voxels, stored back to front along x, as LAS
        flipped = t1w.affine @ np.array([[-1, 0, 0, 23], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        scans.write(scans.path(f"sub-{k}", "T2w"), t1w.get_fdata(dtype=np.float32)[::-1], flipped)
    case = load_dataset(settings(scans.root)).train[0]
    assert np.array_equal(case.image[0], case.image[1])


def test_sessions_are_cases_of_one_subject(scans, settings):
    for k in range(10):
        for session in (1, 2):
            scans.add(f"sub-{k}_ses-{session}", 2 * k + session)
    dataset = load_dataset(settings(scans.root))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (16, 2, 2)
    assert len({id.split("_")[0] for id in dataset.test_ids}) == 1
    assert dataset.test_ids[0].endswith("_ses-1")


def test_other_sessions_of_a_patient_are_not_healthy(cohort, settings):
    cohort.add("sub-ms_ses-1", 70, "T2w")
    cohort.add("sub-ms_ses-2", 71, "T2w", "label-lesion_mask")
    dataset = load_dataset(settings(cohort.root))
    assert [one.id for one in dataset.set_aside] == ["sub-ms_ses-1"]
    cohort.write(cohort.path("sub-ms_ses-2", "run-2_T1w"), cohort.brain(72))  # now the labelled one is bad too
    assert len(load_dataset(settings(cohort.root)).set_aside) == 2


def test_lesion_masks_as_atlas_names_them(cohort, settings):
    cohort.add("sub-stroke", 50, "T2w", "label-L_desc-T1lesion_mask")
    assert load_dataset(settings(cohort.root)).test_ids[-1] == "sub-stroke"


def test_masks_in_derivatives_and_brain_mask_of_a_whole_head(scans, settings):
    for k in range(3):
        subject = f"sub-{k}"
        head = np.random.default_rng(k).uniform(1, 1000, scans.shape).astype(np.float32)
        scans.write(scans.path(subject, "T1w"), head)
        mask = scans.root / "derivatives" / "hd-bet" / subject / "anat" / f"{subject}_desc-brain_mask.nii.gz"
        scans.write(mask, (scans.brain(k) > 0).astype(np.uint8))
    case = load_dataset(settings(scans.root)).train[0]
    assert case.brain_mask.sum() == (scans.brain(0) > 0).sum()
    assert np.all(case.image[0][~case.brain_mask] == -1)


# ----------------------------------------------------------------- bad subjects: one sentence each, set aside


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


def t2w_elsewhere(scans, path):
    affine = scans.affine + np.array([[500.0]] * 3 + [[0]]) * [0, 0, 0, 1]
    scans.write(scans.path("sub-00", "T2w"), scans.brain(1), affine)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (four_dimensions, r"sub-00_T1w.nii.gz has 4 dimensions \(24, 28, 20, 2\); keep one 3D volume\."),
        (not_a_number, r"sub-00_T1w.nii.gz contains NaN or infinite values; replace them by 0\."),
        (all_zero, r"sub-00_T1w.nii.gz is empty: all its voxels have one value"),
        (truncated, r"sub-00_T1w.nii.gz cannot be read: it is damaged"),
        (text_file, r"sub-00_T1w.nii.gz cannot be read: it is damaged"),
        (damaged_gzip, r"sub-00_T1w.nii.gz cannot be read: it is damaged"),
        (empty_file, r"sub-00_T1w.nii.gz cannot be read: it is damaged"),
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
            r"lesion_mask.nii.gz has the shape \(5, 6, 7\) but sub-00_T1w.nii.gz has",
        ),
        (lesion_mask_elsewhere, r"lesion_mask.nii.gz and sub-00_T1w.nii.gz have different affines"),
        (empty_lesion_mask, r"lesion_mask.nii.gz has no voxel set"),
        (lesion_mask_outside, r"lesion_mask.nii.gz lies outside the brain"),
        (lesion_mask_of_another_space, r"lesion_mask.nii.gz is not in the space of sub-00_T1w.nii.gz"),
        (empty_brain_mask, r"desc-brain_mask.nii.gz has no voxel set"),
        (two_brain_masks, r"sub-00 has 2 files that could be its brain mask"),
        (t2w_elsewhere, r"sub-00_T2w.nii.gz does not overlap sub-00_T1w.nii.gz"),
    ],
)
def test_a_bad_subject_is_set_aside_with_one_sentence(cohort, settings, spoil, sentence):
    spoil(cohort, cohort.path("sub-00", "T1w"))
    dataset = load_dataset(settings(cohort.root))
    assert len(dataset.set_aside) == 1
    reason = dataset.set_aside[0].reason
    assert re.search(sentence, reason), reason
    assert "\n" not in reason
    assert reason.endswith(".")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 9


def test_none_left_says_why(scans, settings):
    for k in range(3):
        scans.add(f"sub-{k}", k)
        truncated(scans, scans.path(f"sub-{k}", "T1w"))
    with pytest.raises(BenchError, match=r"No subject of .*scans can be used; the first problem: .*sub-0_T1w"):
        load_dataset(settings(scans.root))


def test_a_mended_subject_is_used(cohort, settings):
    truncated(cohort, cohort.path("sub-00", "T1w"))
    assert len(load_dataset(settings(cohort.root)).set_aside) == 1
    cohort.add("sub-00", 0)
    assert load_dataset(settings(cohort.root)).set_aside == ()


def test_unusable_folders(scans, settings, tmp_path):
    with pytest.raises(BenchError, match="needs a folder: name it with --root"):
        load_dataset(settings(None))
    with pytest.raises(BenchError, match=r"nowhere does not exist; check --root"):
        load_dataset(settings(tmp_path / "nowhere"))
    scans.root.mkdir()
    with pytest.raises(BenchError, match="holds no T1w image with a BIDS name, such as sub-01/anat"):
        load_dataset(settings(scans.root))


def test_one_healthy_subject_is_not_enough(scans, settings):
    scans.add("sub-0", 0)
    with pytest.raises(BenchError, match=r"1 healthy subject.*at least 2 are needed"):
        load_dataset(settings(scans.root))


def test_a_table_without_validation(cohort, settings):
    cohort.table("participant_id split\nsub-00 train\nsub-01 train\nsub-02 test")
    with pytest.raises(BenchError, match="puts no healthy subject into the split validation"):
        load_dataset(settings(cohort.root))


# ------------------------------------------------------------------------------------------------- real data


@needs_data
def test_ixi_is_split_and_boxed(settings):
    dataset = load_dataset(settings(DATA / "ixi-t1-2mm"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (96, 12, 12)
    case = dataset.train[0]
    assert case.image.shape == (1, 96, 112, 96)
    assert case.spacing_mm == (2, 2, 2)


@needs_data
def test_whole_heads_are_refused(settings):
    with pytest.raises(BenchError, match=r"whole head \(\d\.\d litres above background\)"):
        load_dataset(settings(DATA / "ixi-raw-head"))


@needs_data
def test_the_real_patient(settings):
    dataset = load_dataset(settings(DATA / "open-ms-1mm", train_root=DATA / "ixi-t1-2mm"))
    case = dataset.test[0]
    assert dataset.test_ids == ("sub-26",)
    assert dataset.channels == ("T1w",)
    assert case.image.shape == dataset.train[0].image.shape
    voxel_mm3 = np.linalg.det(case.affine[:3, :3])
    assert 0.6 < voxel_mm3 / 8 < 0.9  # aligned: in rigid MNI space it is smaller than the training brains
    assert case.lesion_mask.sum() * voxel_mm3 == pytest.approx(8227, rel=0.05)  # mm^3 at 1 mm
    assert np.all(case.image[0][~case.brain_mask] == -1)
    assert case.native.shape == (182, 218, 182)
