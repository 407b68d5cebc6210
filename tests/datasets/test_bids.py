import os
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError

DATA = Path(__file__).parents[3] / "shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="real data not here")


def ids(cases) -> list[str]:
    return [case.id for case in cases]


def simulate_bright_ball(scan, settings, seed):
    """Stands in for the simulator: three voxels of the brain, drawn by seed."""
    chosen = np.random.default_rng(seed).permutation(np.argwhere(scan.brain_mask))[:3]
    lesion_mask = np.zeros_like(scan.brain_mask)
    lesion_mask[tuple(chosen.T)] = True
    images = np.where(lesion_mask, scan.images * 1.5, scan.images).astype(np.float32)
    return replace(scan, images=images, lesion_mask=lesion_mask)


@pytest.fixture
def simulator(monkeypatch):
    monkeypatch.setattr("datasets.scans.dataset.simulate_lesions", simulate_bright_ball)


def test_a_healthy_cohort(cohort, load, simulator):
    dataset = load(cohort.root)
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


def test_simulated_lesions_of_the_set_paper_are_enhanced_after_preparation_and_real_ones_are_not(
    cohort, load, simulator
):
    patient = "sub-00"
    cohort.write(cohort.path(patient, "label-lesion_mask"), (cohort.brain(0) > 0).astype(np.uint8))
    paper, plain = load(cohort.root), load(cohort.root, lesions={"set": "plain"})
    assert patient in paper.test_ids and len(paper.test_ids) > 1
    for split in ("test", "validation_lesions"):
        for case, other in zip(getattr(paper, split), getattr(plain, split), strict=True):
            expected = other.image.copy()
            if case.id != patient:
                expected[:, other.lesion_mask] *= 1.5
                assert not np.array_equal(case.image, other.image)
            assert np.array_equal(case.image, expected)


def test_the_second_load_reads_what_the_first_one_kept(cohort, load, monkeypatch):
    first = [case.image for case in load(cohort.root).train]
    monkeypatch.setattr("datasets.scans.reading.read_scan", None)  # would fail if called
    second = [case.image for case in load(cohort.root).train]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_fingerprints_do_not_know_places_or_times(cohort, load, tmp_path):
    here = load(cohort.root)
    moved = tmp_path / "elsewhere" / "copy"
    shutil.copytree(cohort.root, moved, copy_function=shutil.copyfile)
    for path in moved.rglob("*.nii.gz"):
        os.utime(path, (1, 1))
    there = load(moved, cache="other-cache")
    assert there.training_fingerprint == here.training_fingerprint
    assert there.fingerprint == here.fingerprint
    assert ids(there.train) == ids(here.train)


def test_fingerprints_know_content_seed_lesions_and_number_of_cases(cohort, load):
    base = load(cohort.root)
    soft = load(cohort.root, lesions={"set": "soft"})
    assert soft.training_fingerprint == base.training_fingerprint
    assert soft.fingerprint != base.fingerprint
    reseeded = load(cohort.root, seed=1)
    assert reseeded.training_fingerprint != base.training_fingerprint
    changed = next(id for id in ids(base.train))
    cohort.write(cohort.path(changed, "T1w"), cohort.brain(77))
    assert load(cohort.root).training_fingerprint != base.training_fingerprint


def test_first_cases_only(cohort, load):
    cohort.table(
        "participant_id split\n"
        + "".join(f"sub-{k:02d} {'train' if k < 4 else 'validation' if k < 6 else 'test'}\n" for k in range(10))
    )
    every = load(cohort.root)
    two = load(cohort.root, cases=2)
    assert every.test_ids == ("sub-06", "sub-07", "sub-08", "sub-09")
    assert two.test_ids == ("sub-06", "sub-07")
    assert len(two.test) == 2
    assert two.training_fingerprint == every.training_fingerprint
    assert two.fingerprint != every.fingerprint


def test_named_splits(scans, load):
    for k in range(4):
        scans.add(f"sub-{k}", k)
    scans.table("participant_id age split\nsub-0 30 test\n1 31 Train\nsub-2 32 validation\nsub-3 33 n/a")
    dataset = load(scans.root)
    assert (ids(dataset.train), ids(dataset.validation), dataset.test_ids) == (
        ["sub-1"],
        ["sub-2"],
        ("sub-0",),
    )
    assert [one.reason for one in dataset.set_aside] == ["sub-3 has no split in participants.tsv."]


def test_a_split_of_unknown_name(cohort, load):
    cohort.table("participant_id split\nsub-00 train\nsub-01 held-out")
    with pytest.raises(BenchError, match=r"participants.tsv, line 3: the split 'held-out' must be"):
        load(cohort.root)


def test_labelled_subjects_are_test_cases_beside_simulated_ones(cohort, load, simulator):
    cohort.add("sub-ms", 50, "T2w", "label-lesion_mask")
    dataset = load(cohort.root)
    assert (len(dataset.train), len(dataset.validation)) == (8, 1)
    assert dataset.test_ids[-1] == "sub-ms"
    assert [int(case.lesion_mask.sum()) for case in dataset.test] == [3, 27]
    assert dataset.description["test cases"] == "1 with real lesion masks and 1 healthy one"
    assert dataset.description["lesions"].startswith("simulated, set paper, ")


def test_a_real_lesion_mask_keeps_its_place(cohort, load):
    cohort.add("sub-ms", 50, "T2w", "label-lesion_mask")
    case = load(cohort.root).test[-1]
    centre_mm = np.argwhere(case.lesion_mask).mean(0) @ case.affine[:3, :3].T + case.affine[:3, 3]
    assert centre_mm.tolist() == (np.array([15, 13, 10]) * 2 + cohort.affine[:3, 3]).tolist()


def test_patients_with_a_healthy_folder_to_learn_from(cohort, load, tmp_path):
    patients = type(cohort)(tmp_path / "patients")
    patients.add("sub-ms", 60, "T2w", "label-lesion_mask")
    with pytest.raises(BenchError, match=r"0 healthy subject.*--train-root"):
        load(patients.root)
    dataset = load(patients.root, train_root=cohort.root)
    assert dataset.test_ids == ("sub-ms",)
    assert dataset.test[0].lesion_mask.sum() == 27
    alone = load(cohort.root)
    assert dataset.training_fingerprint == alone.training_fingerprint  # components are shared
    assert ids(dataset.train) == ids(alone.train)


def test_what_was_learned_from_is_not_tested_on(cohort, load):
    dataset = load(cohort.root, train_root=cohort.root)
    assert len(dataset.test_ids) == 1
    assert not set(dataset.test_ids) & {*ids(dataset.train), *ids(dataset.validation)}
    assert "is also in the folder to learn from" in dataset.set_aside[0].reason


def test_channels_that_all_have(cohort, load):
    cohort.path("sub-03", "T2w").unlink()
    dataset = load(cohort.root)
    assert dataset.channels == ("T1w",)
    assert dataset.train[0].image.shape[0] == 1
    assert dataset.description["channels"] == "T1w (T2w left out: 1 of 10 subjects have none)"


def test_t2w_of_another_grid_is_brought_to_t1w(scans, load):
    for k in range(3):
        scans.add(f"sub-{k}", k)
        t1w = nibabel.load(scans.path(f"sub-{k}", "T1w"))
        # the same voxels, stored back to front along x, as LAS
        flipped = t1w.affine @ np.array([[-1, 0, 0, 23], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        scans.write(scans.path(f"sub-{k}", "T2w"), t1w.get_fdata(dtype=np.float32)[::-1], flipped)
    case = load(scans.root).train[0]
    assert np.array_equal(case.image[0], case.image[1])


def test_sessions_are_cases_of_one_subject(scans, load):
    for k in range(10):
        for session in (1, 2):
            scans.add(f"sub-{k}_ses-{session}", 2 * k + session)
    dataset = load(scans.root)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (16, 2, 2)
    assert len({id.split("_")[0] for id in dataset.test_ids}) == 1
    assert dataset.test_ids[0].endswith("_ses-1")


def test_other_sessions_of_a_patient_are_not_healthy(cohort, load):
    cohort.add("sub-ms_ses-1", 70, "T2w")
    cohort.add("sub-ms_ses-2", 71, "T2w", "label-lesion_mask")
    dataset = load(cohort.root)
    assert [one.id for one in dataset.set_aside] == ["sub-ms_ses-1"]
    cohort.write(cohort.path("sub-ms_ses-2", "run-2_T1w"), cohort.brain(72))  # now the labelled one is bad too
    assert len(load(cohort.root).set_aside) == 2


def test_lesion_masks_as_atlas_names_them(cohort, load):
    cohort.add("sub-stroke", 50, "T2w", "label-L_desc-T1lesion_mask")
    assert load(cohort.root).test_ids[-1] == "sub-stroke"


def test_masks_in_derivatives_and_brain_mask_of_a_whole_head(scans, load):
    for k in range(3):
        subject = f"sub-{k}"
        head = np.random.default_rng(k).uniform(1, 1000, scans.shape).astype(np.float32)
        scans.write(scans.path(subject, "T1w"), head)
        mask = scans.root / "derivatives" / "hd-bet" / subject / "anat" / f"{subject}_desc-brain_mask.nii.gz"
        scans.write(mask, (scans.brain(k) > 0).astype(np.uint8))
    case = load(scans.root).train[0]
    assert case.brain_mask.sum() == (scans.brain(0) > 0).sum()
    assert np.all(case.image[0][~case.brain_mask] == -1)


# ------------------------------------------------------------------------------------------------- real data


@needs_data
def test_ixi_is_split_and_boxed(load):
    dataset = load(DATA / "ixi-t1-2mm")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (96, 12, 12)
    case = dataset.train[0]
    assert case.image.shape == (1, 96, 112, 96)
    assert case.spacing_mm == (2, 2, 2)


@needs_data
def test_whole_heads_are_refused(load):
    with pytest.raises(BenchError, match=r"whole head \(\d\.\d litres above background\)"):
        load(DATA / "ixi-raw-head")


@needs_data
def test_the_real_patient(load):
    dataset = load(DATA / "open-ms-1mm", train_root=DATA / "ixi-t1-2mm")
    case = dataset.test[0]
    assert dataset.test_ids == ("sub-26",)
    assert dataset.channels == ("T1w",)
    assert case.image.shape == dataset.train[0].image.shape
    voxel_mm3 = np.linalg.det(case.affine[:3, :3])
    assert 0.6 < voxel_mm3 / 8 < 0.9  # aligned: in rigid MNI space it is smaller than the training brains
    assert case.lesion_mask.sum() * voxel_mm3 == pytest.approx(8227, rel=0.05)  # mm^3 at 1 mm
    assert np.all(case.image[0][~case.brain_mask] == -1)
    assert case.native.shape == (182, 218, 182)
