import pytest

from bench.errors import BenchError
from datasets.scans.given import given_scans

T1W, BOTH = ("T1w",), ("T1w", "T2w")


@pytest.fixture
def folder(scans):
    """A folder of files called as they come from a hospital."""

    def write(*names):
        for seed, name in enumerate(names):
            scans.write(scans.root / name, scans.brain(seed))
        return scans.root

    return write


def ids(given):
    return [one.id for one in given.subjects]


def reasons(given):
    return {one.id: one.reason for one in given.set_aside}


def test_a_file_is_known_by_its_name(folder):
    root = folder("patient 7.nii.gz", "IXI012-HH-1211-T1.nii.gz", "sub-01_ses-2_T1w.nii.gz")
    assert ids(given_scans([root / "patient 7.nii.gz"], T1W)) == ["sub-patient7"]
    assert ids(given_scans([root / "IXI012-HH-1211-T1.nii.gz"], T1W)) == ["sub-IXI012HH1211"]
    assert ids(given_scans([root], T1W)) == ["sub-01_ses-2", "sub-IXI012HH1211", "sub-patient7"]


def test_masks_are_no_scans_and_lie_beside_their_own(folder):
    root = folder("a.nii.gz", "a_mask.nii.gz", "b.nii.gz", "b_brain_mask.nii.gz", "b_lesion.nii.gz", "c_seg.nii.gz")
    given = given_scans([root], T1W)
    assert ids(given) == ["sub-a", "sub-b"]
    assert [one.brain_mask.name for one in given.subjects] == ["a_mask.nii.gz", "b_brain_mask.nii.gz"]
    with pytest.raises(BenchError, match="is a mask by its name"):
        given_scans([root / "a_mask.nii.gz"], T1W)


def test_channels_of_one_subject_are_found_beside_each_other(folder):
    root = folder("sub-1_T1w.nii.gz", "sub-1_T2w.nii.gz", "x-T1.nii.gz", "x-T2.nii.gz", "sub-2_T1w.nii.gz")
    given = given_scans([root / "sub-1_T1w.nii.gz"], BOTH)
    assert {channel: path.name for channel, path in given.subjects[0].images.items()} == {
        "T1w": "sub-1_T1w.nii.gz",
        "T2w": "sub-1_T2w.nii.gz",
    }
    given = given_scans([root], BOTH)
    assert ids(given) == ["sub-1", "sub-x"]
    assert "sub-2_T1w.nii.gz has no T2w image beside it; the model needs T1w and T2w." in reasons(given)["sub-2"]


def test_another_contrast_is_set_aside(folder):
    root = folder("p_FLAIR.nii.gz", "q_T2w.nii.gz", "r_T1ce.nii.gz")
    given = given_scans([root], T1W)
    assert ids(given) == []
    assert "is a FLAIR image by its name, but T1w is needed" in reasons(given)["sub-p"]
    assert "is a T2w image" in reasons(given)["sub-q"] and "is a t1ce image" in reasons(given)["sub-r"]


def test_two_scans_of_one_name_are_told(folder):
    root = folder("one/a.nii.gz", "two/a.nii.gz", "a_T1.nii.gz", "b_T1w.nii.gz", "b_run-2_T1w.nii.gz")
    given = given_scans([root], T1W)
    assert "sub-a has 3 files that could be its T1w image" in reasons(given)["sub-a"]
    given = given_scans([root / "one", root / "one" / "a.nii.gz"], T1W)
    assert ids(given) == ["sub-a"] and not given.set_aside  # the very same file


def test_a_bids_folder_of_patients_is_read_whatever_it_says_of_lesions(cohort):
    cohort.write(cohort.path("sub-03", "space-MNI_label-lesion_mask"), cohort.lesion())
    cohort.write(cohort.path("sub-04", "label-lesion_mask"), cohort.lesion())
    cohort.write(cohort.path("sub-04", "label-tumor_mask"), cohort.lesion())
    given = given_scans([cohort.root], T1W)
    assert ids(given) == [f"sub-{k:02d}" for k in range(10)] and not given.set_aside
    assert not any(one.lesion_mask for one in given.subjects)


def test_what_is_not_there_is_refused(scans, tmp_path):
    with pytest.raises(BenchError, match="does not exist"):
        given_scans([tmp_path / "nothing"], T1W)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="holds no NIfTI image"):
        given_scans([tmp_path / "empty"], T1W)
    (tmp_path / "a.dcm").write_bytes(b"DICM")
    with pytest.raises(BenchError, match=r"only .nii and .nii.gz are read"):
        given_scans([tmp_path / "a.dcm"], T1W)
