"""Nothing in a folder of scans is overlooked, and no mask goes with another's image."""

import shutil

import numpy as np
import pytest

from bench.errors import BenchError


def reasons(dataset):
    return {one.id: one.reason for one in dataset.set_aside}


def learned_from(dataset):
    return {case.id for split in (dataset.train, dataset.validation) for case in split}


@pytest.mark.parametrize(
    "what", ["T1w_lesion_mask", "tumor_mask", "WMH_mask", "roi_mask", "label-lesion_roi", "lesion"]
)
def test_a_patient_is_tested_and_not_learned_from(cohort, load, what):
    cohort.write(cohort.path("sub-02", what), cohort.lesion())
    dataset = load(cohort.root)
    assert "sub-02" not in learned_from(dataset)
    case = dataset.test[dataset.test_ids.index("sub-02")]
    assert case.lesion_mask.sum() == 27
    assert case.brain_mask.sum() == (cohort.brain(2) > 0).sum()


def test_a_patient_whose_mask_is_unusable_is_set_aside(cohort, load):
    cohort.write(cohort.path("sub-02", "lesion"), np.zeros(cohort.shape, np.uint8))
    dataset = load(cohort.root)
    assert "sub-02_lesion.nii.gz has no voxel set" in reasons(dataset)["sub-02"]
    assert "sub-02" not in learned_from(dataset)


def test_links_capitals_and_hyphens_are_all_one(cohort, load, tmp_path):
    whole = load(cohort.root)
    shutil.move(cohort.root / "sub-02", tmp_path / "elsewhere")
    (cohort.root / "sub-02").symlink_to(tmp_path / "elsewhere")
    for path in (cohort.root / "sub-03" / "anat").iterdir():
        path.rename(path.with_name(path.name.replace(".nii.gz", ".NII.GZ")))
    linked = load(cohort.root)
    assert (linked.fingerprint, linked.notes) == (whole.fingerprint, whole.notes)
    assert len(linked.train[0].channels) == 2 and len([case.image for case in linked.train]) == 8


def test_what_is_not_used_is_counted_and_the_first_is_named(cohort, load):
    for name in ("Patient3_T1w.nii.gz", "T1.nii", "sub-02/anat/sub-02_T2star.nii.gz", "sub-02/anat/sub-02_T1w.mgz"):
        shutil.copy(cohort.path("sub-00", "T1w"), cohort.root / name)
    (cohort.root / "splits.csv").write_text("participant_id,split\n")
    dataset = load(cohort.root)
    assert dataset.set_aside == ()
    first, second, third, fourth = (note for note in dataset.notes if "not used" in note)
    assert first.startswith("1 file is not used") and "sub-02_T1w.mgz: only .nii and .nii.gz are read." in first
    assert second.startswith("2 files are") and "Patient3_T1w.nii.gz: their names do not begin with sub-." in second
    assert third.startswith("1 file is") and "sub-02_T2star.nii.gz: T1w and T2w and FLAIR and PDw images are" in third
    assert fourth.startswith("1 file is") and "splits.csv: splits are named in participants.tsv alone." in fourth


def test_folders_without_images_and_files_of_others_are_set_aside(cohort, load):
    (cohort.root / "sub-empty/anat").mkdir(parents=True)
    cohort.write(cohort.root / "sub-03/anat/sub-04_label-lesion_mask.nii.gz", cohort.lesion())
    (cohort.root / "sub-gone").symlink_to("nowhere")
    found = reasons(load(cohort.root))
    assert found.keys() == {"sub-empty", "sub-gone", "sub-03", "sub-04"}
    assert found["sub-empty"] == "sub-empty has no T1w image."
    assert "sub-gone cannot be opened" in found["sub-gone"]
    assert "lies in the folder of sub-03, but is called sub-04; mend one." in found["sub-03"]
    assert "sub-04_label-lesion_mask.nii.gz makes sub-04 a patient" in found["sub-04"]


def test_lesion_masks_of_a_derivatives_images_are_those_images(cohort, load):
    sim = type(cohort)(cohort.root / "derivatives" / "sim")
    for k in range(2):
        sim.add(f"sub-0{k}", 40 + k, "label-lesion_mask")
    dataset = load(cohort.root)
    assert not learned_from(dataset) & {"sub-00", "sub-01"} and "sub-00" not in dataset.test_ids
    for subject in ("sub-00", "sub-01"):
        assert f"belongs to {subject}_T1w.nii.gz beside it" in reasons(dataset)[subject]
        assert f"name {cohort.root}/derivatives/sim with --root" in reasons(dataset)[subject]
    assert load(sim.root, train_root=cohort.root).test_ids == ("sub-00", "sub-01")  # set aside there: not learned from


def test_a_brain_mask_beside_the_image_goes_before_those_of_derivatives(cohort, load):
    cohort.write(cohort.path("sub-00", "desc-brain_mask"), np.ones(cohort.shape, np.uint8))
    tight = cohort.root / "derivatives/bet/sub-00/anat/sub-00_desc-brain_mask.nii.gz"
    cohort.write(tight, cohort.lesion())
    dataset = load(cohort.root)
    assert dataset.set_aside == () and any(str(tight) in note for note in dataset.notes)


def test_no_image_says_that_all_folders_are_unreadable(scans, load):
    scans.root.mkdir()
    (scans.root / "sub-1").symlink_to("gone")
    with pytest.raises(BenchError, match=r"holds no T1w image .*; the first problem: .*sub-1 cannot be opened"):
        load(scans.root)


# ------------------------------------------------------------------------------------- train and test apart


def test_the_same_subjects_under_their_names_are_not_tested_on(cohort, load, tmp_path):
    simulated = type(cohort)(tmp_path / "sim")
    for k in range(10):
        simulated.add(f"sub-{k:02d}", 100 + k, "T2w", "label-lesion_mask")
    dataset = load(simulated.root, train_root=cohort.root)
    assert not set(dataset.test_ids) & learned_from(dataset) and len(dataset.test_ids) == 1
    assert len(dataset.set_aside) == 9
    for one in dataset.set_aside:
        assert f"{one.id} is also in the folder to learn from, as {cohort.path(one.id, 'T1w')}; rename" in one.reason


def test_the_same_image_under_another_name_is_not_tested_on(cohort, load, tmp_path):
    for compressed in ("nii", "nii.gz"):
        other = type(cohort)(tmp_path / compressed)
        for k in range(10):
            path = other.root / f"sub-p{k}/anat/sub-p{k}_T1w.{compressed}"
            other.write(path, cohort.brain(k))
        dataset = load(other.root, train_root=cohort.root)
        assert len(dataset.test_ids) == 1 and len(dataset.set_aside) == 9
        assert "its image is that of sub-" in dataset.set_aside[0].reason


def test_all_tested_subjects_learned_from_says_so(cohort, load, tmp_path):
    cohort.table(
        "participant_id split\n" + "\n".join(f"sub-{k:02d} {'train' if k else 'validation'}" for k in range(10))
    )
    simulated = type(cohort)(tmp_path / "sim")
    simulated.add("sub-00", 100, "T2w", "label-lesion_mask")
    with pytest.raises(
        BenchError, match=r"has no test subject; .*1 set aside, the first: sub-00 is also in the folder"
    ):
        load(simulated.root, train_root=cohort.root)


def test_those_that_rest_beside_a_healthy_folder_are_named(cohort, load, tmp_path):
    cohort.add("sub-ill", 70, "T2w", "label-lesion_mask")
    others = type(cohort)(tmp_path / "others")
    for k in range(2):
        others.add(f"sub-p{k}", 60 + k, "T2w")
    others.table("participant_id split\nsub-p0 test\nsub-p1 train")
    dataset = load(others.root, train_root=cohort.root)
    assert dataset.test_ids == ("sub-p0",)
    assert reasons(dataset) == {
        "sub-ill": f"sub-ill has a lesion mask; {cohort.root} is to learn from.",
        "sub-p1": f"sub-p1 is not marked test in {others.root / 'participants.tsv'}.",
    }


def test_a_patients_image_under_another_name_is_not_learned_from(cohort, load):
    cohort.add("sub-ill", 3, "T2w", "label-lesion_mask")
    dataset = load(cohort.root)
    assert reasons(dataset) == {"sub-03": "sub-03 has the same image as sub-ill; remove one."}
    assert "sub-03" not in learned_from(dataset) and "sub-ill" in dataset.test_ids
