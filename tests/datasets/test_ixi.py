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
