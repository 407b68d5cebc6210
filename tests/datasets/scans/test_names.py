"""Names of files taken apart: whose they are, of what."""

from pathlib import Path

import pytest

from datasets.scans.names import anat_folder, parsed, says_brain_mask, says_lesion, says_t1w, subject_of


@pytest.mark.parametrize(
    ("name", "id", "suffix"),
    [
        ("sub-01_T1w.nii.gz", "sub-01", "T1w"),
        ("sub-01_ses-02_space-MNI152_desc-brain_T1w.nii", "sub-01_ses-02", "T1w"),
        ("sub-01_acq-0.8mm_run-2_T2w.nii.gz", "sub-01", "T2w"),
        ("sub-01.nii.gz", "sub-01", "sub-01"),
        ("sub-01.anomaly.nii.gz", "sub-01", "sub-01.anomaly"),
        ("sub-01_ses-a.map.nii.gz", "sub-01_ses-a", "ses-a.map"),
    ],
)
def test_whose_a_file_is(name, id, suffix):
    found = parsed(Path("folder") / name)
    assert (found.id, found.subject, found.suffix) == (id, "sub-01", suffix)
    assert found.name == name and found.path.parent == Path("folder")


@pytest.mark.parametrize("name", ["01_T1w.nii.gz", "sub-_T1w.nii.gz", "sub-01_T1w.json", "map_sub-01.nii.gz"])
def test_names_of_nobody(name):
    assert parsed(Path(name)) is None


@pytest.mark.parametrize(
    ("name", "brain", "lesion"),
    [
        ("sub-1_mask.nii.gz", True, False),
        ("sub-1_desc-brain_mask.nii.gz", True, False),
        ("sub-1_label-brain_mask.nii.gz", True, False),
        ("sub-1_label-lesion_mask.nii.gz", False, True),
        ("sub-1_label-L_desc-T1lesion_mask.nii.gz", False, True),
        ("sub-1_desc-csf_mask.nii.gz", False, False),
        ("sub-1_desc-brain_T1w.nii.gz", False, False),
    ],
)
def test_masks(name, brain, lesion):
    found = parsed(Path(name))
    assert (found.is_brain_mask, found.is_lesion_mask) == (brain, lesion)


def test_looser_names_of_maps_and_labels():
    assert says_brain_mask(Path("sub-1_BrainMask.nii.gz")) and not says_brain_mask(Path("sub-1_brain_T1w.nii.gz"))
    assert says_lesion(Path("sub-1_lesions.nii.gz")) and not says_brain_mask(Path("sub-1_brain_lesion_mask.nii.gz"))
    assert says_t1w(Path("sub-1_desc-brain_T1w.nii.gz")) and not says_t1w(Path("sub-1_T2w.nii.gz"))


def test_ids():
    assert subject_of("sub-1_ses-2") == subject_of("sub-1") == "sub-1"
    assert anat_folder("sub-1_ses-2") == Path("sub-1/ses-2/anat") and anat_folder("sub-1") == Path("sub-1/anat")
