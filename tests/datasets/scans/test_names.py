"""Names of files taken apart: whose they are, of what."""

from pathlib import Path

import pytest

from datasets.scans.bids_layout import find_subjects
from datasets.scans.names import anat_folder, parsed, role, says_brain_mask, says_lesion, says_t1w, subject_of


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


def test_labels_end_at_the_next_underscore():
    assert parsed(Path("sub-MS-01_ses-a-2_T1w.nii.gz")).id == "sub-MS-01_ses-a-2"
    assert parsed(Path("sub-02a-2_label-lesion_mask.NII.GZ")).id == parsed(Path("sub-02a-2.nii.gz")).id == "sub-02a-2"


def test_the_id_of_a_subject_says_nothing():
    assert not says_lesion(Path("sub-stroke01_ses-lesion_T1w.nii.gz")) and says_lesion(Path("Patient3_lesion.nii.gz"))


@pytest.mark.parametrize("name", ["01_T1w.nii.gz", "sub-_T1w.nii.gz", "sub-01_T1w.json", "map_sub-01.nii.gz"])
def test_names_of_nobody(name):
    assert parsed(Path(name)) is None


def documented() -> list[tuple[str, str, str]]:
    """The table of docs/datasets.md: a name, what it is, what sub-02 is with it beside its T1w image."""
    page = (Path(__file__).parents[3] / "docs/datasets.md").read_text(encoding="utf-8")
    table = page.partition("test_names.py reads this table -->")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return [(name.strip("`"), what, outcome) for name, what, outcome in rows]


def test_the_documentation_has_names_enough():
    assert len(documented()) >= 30


@pytest.mark.parametrize(("name", "what", "outcome"), documented())
def test_names_are_what_the_documentation_says(name, what, outcome, tmp_path):
    anat = tmp_path / "sub-02" / "anat"
    anat.mkdir(parents=True)
    file = anat / (name if ".ni" in name.lower() else f"{name}.nii.gz")
    kind = {"image": "image", "brain mask": "brain mask", "lesion mask": "lesion"}.get(what.split(",")[0], "other")
    assert role(file) == ("image" if what.startswith("image") else kind)
    for path in (anat / "sub-02_T1w.nii.gz", file):
        path.touch()
    folder = find_subjects(tmp_path)
    assert len(folder.subjects) == (outcome != "set aside") and len(folder.set_aside) == (outcome == "set aside")
    for files in folder.subjects:
        assert (files.lesion_mask == file) == (outcome == "test case")
        assert (files.brain_mask == file) == (what == "brain mask")
        assert any(str(file) in note for note in folder.notes) == ("not used" in what)


@pytest.mark.parametrize(
    ("sign", "outcome"),
    [
        ("derivatives/lesion_masks/sub-02/anat/sub-02_mask.nii.gz", "test case"),
        ("derivatives/atlas/sub-02/anat/sub-02_lesion.nii", "test case"),
        ("derivatives/lesion_masks/sub-02/anat/sub-02_desc-brain_mask.nii.gz", "set aside"),
        ("derivatives/lesions/sub-02/lesion.nii.gz", "set aside"),
        ("derivatives/a/b/sub-02/anat/sub-02_lesion_mask.nii.gz", "set aside"),
        ("lesions/sub-02.nii.gz", "set aside"),
        ("sub-02/dwi/sub-02_label-lesion_mask.nii.gz", "set aside"),
        ("sub-02/anat/wsub-02_lesion.nii.gz", "set aside"),
        ("sub-02/anat/sub-02_label-lesion_mask.img", "set aside"),
        ("sub-02_tumour.nii.gz", "set aside"),
        ("derivatives/choroid/sub-02/anat/sub-02_mask.nii.gz", "healthy"),
        ("sub-02/anat/._sub-02_label-lesion_mask.nii.gz", "healthy"),
    ],
)
def test_signs_of_a_lesion_anywhere_below_the_root(sign, outcome, tmp_path):
    for path in (tmp_path / "sub-02/anat/sub-02_T1w.nii.gz", tmp_path / sign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder = find_subjects(tmp_path)
    assert len(folder.set_aside) == (outcome == "set aside")
    assert [files.lesion_mask is not None for files in folder.subjects] == (
        [] if outcome == "set aside" else [outcome == "test case"]
    )
    for one in folder.set_aside:
        assert f"{tmp_path / sign} makes sub-02 a patient, but is no lesion mask of sub-02_T1w.nii.gz" in one.reason


def test_looser_names_of_maps_and_labels():
    assert says_brain_mask(Path("sub-1_BrainMask.nii.gz")) and not says_brain_mask(Path("sub-1_brain_T1w.nii.gz"))
    assert says_lesion(Path("sub-1_lesions.nii.gz")) and not says_brain_mask(Path("sub-1_brain_lesion_mask.nii.gz"))
    assert says_t1w(Path("sub-1_desc-brain_T1w.nii.gz")) and not says_t1w(Path("sub-1_T2w.nii.gz"))


def test_ids():
    assert subject_of("sub-1_ses-2") == subject_of("sub-1") == "sub-1"
    assert anat_folder("sub-1_ses-2") == Path("sub-1/ses-2/anat") and anat_folder("sub-1") == Path("sub-1/anat")
