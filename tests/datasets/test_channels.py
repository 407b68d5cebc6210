"""Any contrasts: which are found, which are chosen, what is said of those that are lacking."""

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import BenchError
from datasets import phantom
from datasets.channels import chosen_channels
from datasets.load import load_dataset
from datasets.phantom import phantom_subject
from datasets.synthesis.anatomy import random_anatomy
from datasets.synthesis.contrast import acquire


def add_channel(scans, channel: str, *subjects: str) -> None:
    for k, subject in enumerate(subjects):
        scans.write(scans.path(subject, channel), scans.brain(2000 + k))


def reasons(dataset) -> dict[str, str]:
    return {one.id: one.reason for one in dataset.set_aside}


ALL = tuple(f"sub-{k:02d}" for k in range(10))


def test_names_are_taken_in_the_order_they_are_given_in():
    assert chosen_channels("flair, T1W") == ("FLAIR", "T1w")
    for wrong in ("T1", "T1w,T1w", "", "T1w,,T2w", "bold"):
        with pytest.raises(BenchError, match="is wrong: take some of T1w, T2w, FLAIR, PDw, each once"):
            chosen_channels(wrong)


def test_channels_of_all_subjects_are_found_and_others_are_named(cohort, load):
    add_channel(cohort, "FLAIR", *ALL)
    add_channel(cohort, "PDw", "sub-03")
    dataset = load(cohort.root)
    assert dataset.channels == ("T1w", "T2w", "FLAIR")
    assert dataset.description["channels"] == "T1w, T2w, FLAIR (PDw left out: 9 of 10 subjects have none)"
    assert dataset.train[0].image.shape[0] == 3


def test_chosen_channels_alone_count_and_their_order_is_that_of_the_images(cohort, load):
    add_channel(cohort, "FLAIR", *ALL[:9])
    both = load(cohort.root, channels="T1w,FLAIR")
    assert both.channels == both.train[0].channels == ("T1w", "FLAIR")
    assert reasons(both) == {"sub-09": "sub-09 has no FLAIR image."}
    assert any("sub-00_T2w.nii.gz: T1w and FLAIR images are, and masks" in note for note in both.notes)
    one = load(cohort.root, channels=["T2w"])
    case = one.train[0]
    expected = cohort.brain(int(case.id[-2:]) + 1000)  # that is how the T2w was made
    assert case.channels == ("T2w",) and case.brain_mask.sum() == (expected > 0).sum()
    turned = load(cohort.root, channels="FLAIR,T1w")
    assert np.array_equal(turned.train[0].image[::-1], both.train[0].image)
    assert len({one.fingerprint, both.fingerprint, turned.fingerprint, load(cohort.root).fingerprint}) == 4


def test_a_folder_without_t1w_is_read_with_masks_on_what_there_is(scans, load):
    for k in range(4):
        scans.write(scans.path(f"sub-{k}", "FLAIR"), scans.brain(k))
    scans.write(scans.path("sub-3", "label-lesion_mask"), scans.lesion())
    scans.write(scans.path("sub-4", "PDw"), scans.brain(9))
    dataset = load(scans.root)
    assert dataset.channels == ("FLAIR",) and "sub-3" in dataset.test_ids
    assert reasons(dataset) == {"sub-4": "sub-4 has no FLAIR image."}
    assert dataset.test[dataset.test_ids.index("sub-3")].lesion_mask.sum() == 27


def test_a_missing_channel_has_its_sentence(cohort, load, tmp_path):
    with pytest.raises(BenchError, match=r"holds no FLAIR image with a BIDS name, such as sub-01/anat/sub-01_FLAIR"):
        load(cohort.root, channels="T1w,FLAIR")
    with pytest.raises(BenchError, match="dataset bids: channels = 'T1,T2' is wrong, take some of T1w, T2w, FLAIR"):
        load(cohort.root, channels="T1,T2")
    (cohort.path("sub-02", "T2w")).rename(cohort.path("sub-02", "space-MNI_T2w"))
    assert reasons(load(cohort.root, channels="T1w,T2w")) == {
        "sub-02": "sub-02 has no T2w image in the space of sub-02_T1w.nii.gz."
    }
    patients = type(cohort)(tmp_path / "patients")
    patients.write(patients.path("sub-p", "FLAIR"), patients.brain(77))
    with pytest.raises(BenchError, match=r"No channel is there in all subjects: .* has T1w and T2w, .* has FLAIR; add"):
        load(patients.root, train_root=cohort.root)


def test_two_images_of_a_further_channel_name_the_way_out(cohort, load):
    add_channel(cohort, "FLAIR", *ALL)
    add_channel(cohort, "acq-thick_FLAIR", "sub-02")
    assert "could be its FLAIR image" in reasons(load(cohort.root))["sub-02"]
    assert reasons(load(cohort.root))["sub-02"].endswith("keep one, or choose others with --channels.")
    assert reasons(load(cohort.root, channels="T1w,T2w")) == {}


def test_the_phantoms_flair_leaves_its_other_images_as_they_are(tmp_path):
    images, mask, _ = phantom_subject(0, "test", 1)
    three, same_mask, _ = phantom_subject(0, "test", 1, ("FLAIR", "T1w", "T2w"))
    assert np.array_equal(three[1:], images) and np.array_equal(mask, same_mask)
    default, same = (
        load_dataset(phantom.Settings(), tmp_path),
        load_dataset(phantom.Settings(channels="T1w,T2w"), tmp_path),
    )
    assert default.fingerprint == same.fingerprint and default.channels == ("T1w", "T2w")
    other = load_dataset(phantom.Settings(channels="FLAIR"), tmp_path)
    assert other.fingerprint != default.fingerprint and other.training_fingerprint != default.training_fingerprint
    with pytest.raises(ValueError, match="the phantom has T1w, T2w and FLAIR"):
        phantom.Settings(channels="PDw")


def test_in_the_phantoms_flair_fluid_is_dark_and_lesions_are_bright(tmp_path):
    rng = np.random.default_rng(3)
    anatomy = random_anatomy(rng)
    flair = acquire(rng, anatomy, np.random.default_rng(4))[2]
    csf, gm, wm = (np.median(flair[tissue > 0.9]) for tissue in (anatomy.csf, anatomy.gm, anatomy.wm))
    assert csf < 0.4 * wm and wm < gm and (flair[~anatomy.brain_mask] == 0).all()
    settings = phantom.Settings(channels="FLAIR", lesions={"set": "plain"})
    sick = phantom.phantom_case(settings, "test", 0, with_lesions=True)
    healthy = phantom.phantom_case(settings, "test", 0, with_lesions=False)
    assert sick.channels == ("FLAIR",) and sick.lesion_mask.sum() > 100
    change = (sick.image - healthy.image)[0][sick.lesion_mask]
    assert np.mean(change > 0) > 0.9


@pytest.mark.parametrize("command", ["run", "export", "simulate-lesions", "prepare"])
def test_on_the_command_line(command, cohort, tmp_path):
    places = {
        "run": ["--root", cohort.root, "--workspace", tmp_path / "ws"],
        "export": [tmp_path / "out", "--root", cohort.root, "--workspace", tmp_path / "ws"],
    }.get(command, [cohort.root, tmp_path / "out"])
    said = CliRunner().invoke(app, [command, *map(str, places), "--channels", "T1w,FLAIR"])
    assert said.exit_code == 2 and "holds no FLAIR image with a BIDS name" in said.output.replace("\n", " ")
    said = CliRunner().invoke(app, [command, *map(str, places), "--channels", "T1"])
    assert said.exit_code == 2 and "take some of T1w, T2w, FLAIR, PDw" in said.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_lesions_are_put_into_the_chosen_channels(cohort, tmp_path):
    add_channel(cohort, "FLAIR", *ALL)
    words = ["simulate-lesions", str(cohort.root), str(tmp_path / "out"), "--lesion-load-ml", "1"]
    said = CliRunner().invoke(app, [*words, "--channels", "FLAIR,T2w"])
    assert said.exit_code == 0, said.output
    names = {path.name for path in (tmp_path / "out" / "sub-01" / "anat").glob("*.nii.gz")}
    kinds = ("FLAIR", "T2w", "desc-brain_mask", "label-lesion_mask")
    assert names == {f"sub-01_{kind}.nii.gz" for kind in kinds}
    mask, image = (
        nibabel.load(tmp_path / "out" / "sub-01" / "anat" / f"sub-01_{kind}.nii.gz").get_fdata()
        for kind in ("label-lesion_mask", "FLAIR")
    )
    before = nibabel.load(cohort.path("sub-01", "FLAIR")).get_fdata()
    assert np.mean(image[mask > 0] / before[mask > 0]) > 1.1
    again = CliRunner().invoke(app, [*words, "--channels", "FLAIR"])
    assert again.exit_code == 2 and "made with another seed or other settings" in again.output.replace("\n", " ")
