import numpy as np
import pytest

from bench.errors import BenchError


@pytest.fixture
def ixi(scans):
    """Four whole heads under IXI's own names, brain masks beside, T2 images for three."""
    for k, site in enumerate(["HH", "Guys", "IOP", "HH"]):
        scan = f"IXI{k:03d}-{site}-12{k}"
        head = np.random.default_rng(k).uniform(1, 1000, scans.shape).astype(np.float32)
        scans.write(scans.root / "IXI-T1" / f"{scan}-T1.nii.gz", head)
        scans.write(scans.root / "IXI-T1" / f"{scan}-T1_mask.nii.gz", (scans.brain(k) > 0).astype(np.uint8))
        if k < 3:
            scans.write(scans.root / "IXI-T2" / f"{scan}-T2.nii.gz", head[::-1])
    return scans


def test_ixi_names_are_read(ixi, load):
    dataset = load(ixi.root, name="ixi")
    assert dataset.channels == ("T1w", "T2w")
    assert {case.id for case in [*dataset.train, *dataset.validation]} | {*dataset.test_ids} == {
        "sub-IXI000",
        "sub-IXI001",
        "sub-IXI002",
    }
    assert [one.reason for one in dataset.set_aside] == ["sub-IXI003 has no T2 image."]
    case = dataset.train[0]
    assert case.brain_mask.sum() == (ixi.brain(0) > 0).sum()


def test_two_masks_are_ambiguous(ixi, load):
    ixi.write(ixi.root / "IXI-T1/IXI000-HH-120-T1_brain_mask.nii.gz", np.ones(ixi.shape, np.uint8))
    for k in (8, 9):
        scan = f"IXI{k:03d}-HH-12{k}"
        ixi.write(ixi.root / f"{scan}-T1.nii.gz", ixi.brain(k))
        ixi.write(ixi.root / f"{scan}-T2.nii.gz", ixi.brain(k + 50))
    dataset = load(ixi.root, name="ixi")
    assert "sub-IXI000 has 2 files that could be its brain mask" in dataset.set_aside[0].reason


def test_an_empty_folder_names_the_page(scans, load):
    with pytest.raises(BenchError, match=r"brain-development.org"):
        load(scans.root, name="ixi")
    with pytest.raises(BenchError, match=r"brain-development.org"):
        load(None, name="ixi")


def test_a_lesion_mask_is_no_brain_mask_and_makes_a_patient(ixi, load):
    ixi.write(ixi.root / "IXI-T1/IXI000-HH-120-T1_lesion_mask.nii.gz", ixi.lesion())
    for k in (8, 9):
        scan = f"IXI{k:03d}-HH-12{k}"
        ixi.write(ixi.root / f"{scan}-T1.NII.GZ", ixi.brain(k))
        ixi.write(ixi.root / f"{scan}-T2.nii.gz", ixi.brain(k + 50))
    ixi.write(ixi.root / "other.nii.gz", ixi.brain(1))
    dataset = load(ixi.root, name="ixi")
    assert "T1_lesion_mask.nii.gz makes sub-IXI000 a patient" in dataset.set_aside[0].reason
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 4
    (unused,) = (note for note in dataset.notes if note.startswith("1 file is not used"))
    assert "other.nii.gz" in unused


def test_two_scans_of_one_person_count_once(ixi, load):
    for channel in ("T1", "T2"):
        ixi.write(ixi.root / f"IXI000-Guys-999-{channel}.nii.gz", ixi.brain(9))
    reasons = [one.reason for one in load(ixi.root, name="ixi").set_aside]
    assert any("sub-IXI000 has another scan, IXI000-" in reason for reason in reasons)


def test_links_to_folders_are_followed(ixi, load, tmp_path):
    (tmp_path / "linked").mkdir()
    for folder in ("IXI-T1", "IXI-T2"):
        (tmp_path / "linked" / folder).symlink_to(ixi.root / folder)
    assert load(tmp_path / "linked", name="ixi").fingerprint == load(ixi.root, name="ixi").fingerprint


def test_t1_alone_or_with_proton_density(ixi, load):
    assert load(ixi.root, name="ixi", channels="T1w").set_aside == ()
    for k, site in enumerate(["HH", "Guys", "IOP"]):
        scan = f"IXI{k:03d}-{site}-12{k}"
        ixi.write(ixi.root / "IXI-PD" / f"{scan}-PD.nii.gz", ixi.brain(k + 70))
    assert load(ixi.root, name="ixi").channels == ("T1w", "T2w", "PDw")
    assert load(ixi.root, name="ixi", channels="T1w,PDw").channels == ("T1w", "PDw")
    for wrong in ("T2w", "T1w,FLAIR"):
        with pytest.raises(BenchError, match="has T1w, T2w, PDw, and masks on T1w: begin --channels with T1w"):
            load(ixi.root, name="ixi", channels=wrong)
