"""`bench prepare` as a user types it: what it writes, that it goes on where it stopped, what it refuses."""

import json
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.reporting import SilentReporter
from datasets.prepare import prepare_folder, read_record, record_path
from datasets.preparing.heads import HeadSettings
from datasets.preparing.quality import Quality, outliers
from datasets.scans.bids_layout import find_subjects
from tests.datasets.raw_heads import RawHead

QUICK = HeadSettings(bias_correction=False)
ANAT = "sub-01/anat/sub-01"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["prepare", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def folders(raw_head: RawHead, tmp_path_factory) -> tuple[Path, Path]:
    """IN with a patient, two sessions of a healthy subject, and one without a T1w; OUT made of it."""
    source = tmp_path_factory.mktemp("raw")
    raw_head.write(source, "sub-01", "T1w_bet_mask")
    lesion = np.zeros(raw_head.brain_mask.shape, np.uint8)
    lesion[34:38, 40:44, 36:40] = 1
    nibabel.save(nibabel.Nifti1Image(lesion, raw_head.affines["T1w"]), source / f"{ANAT}_label-lesion_mask.nii.gz")
    folder = raw_head.write(source, "sub-02", "desc-synthstrip_mask")
    (source / "sub-02" / "ses-1").mkdir()
    folder.rename(source / "sub-02" / "ses-1" / "anat")
    for path in (source / "sub-02" / "ses-1" / "anat").iterdir():
        path.rename(path.with_name(path.name.replace("sub-02", "sub-02_ses-1")))
    (source / "sub-03" / "anat").mkdir(parents=True)
    (source / "participants.tsv").write_text("participant_id\tAge\tsplit\nsub-01\t30\ttest\n02\t\ttrain\nsub-03\t1\t\n")
    target = source.parent / "prepared"
    outcome = prepare_folder(source, target, QUICK, SilentReporter())
    assert (outcome.prepared, outcome.new, [one.id for one in outcome.set_aside]) == (2, 2, ["sub-03"])
    return source, target


def test_what_is_written_is_read_as_any_folder_of_scans(folders, raw_head):
    target = folders[1]
    start = f"{ANAT}_space-MNI152NLin2009aSym_res-2"
    found = find_subjects(target)
    assert [(one.id, bool(one.lesion_mask)) for one in found.subjects] == [("sub-01", True), ("sub-02_ses-1", False)]
    assert found.subjects[0].images == {"T1w": target / f"{start}_desc-brain_T1w.nii.gz"}
    assert found.subjects[0].brain_mask == target / f"{start}_desc-brain_mask.nii.gz"
    image = nibabel.load(found.subjects[0].images["T1w"])
    assert image.shape == (99, 117, 95) and image.header.get_xyzt_units()[0] == "mm"
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 4)  # MNI152
    own = nibabel.load(target / f"{ANAT}_space-orig_desc-brain_mask.nii.gz")
    assert np.array_equal(own.get_fdata() > 0, raw_head.brain_mask)
    assert (
        target / "participants.tsv"
    ).read_text() == "participant_id\tage\tsplit\nsub-01\t30\ttest\nsub-02\tn/a\ttrain\n"
    sidecar = json.loads((target / f"{start}_label-lesion_mask.json").read_text())
    assert sidecar["Type"] == "Lesion" and f"bids:source:{ANAT}_T1w.nii.gz" in sidecar["Sources"]
    record = read_record(record_path(target, "sub-01"))
    assert record.brain_mask == "mask" and record.sources["T1w"] == f"{ANAT}_T1w.nii.gz"
    itk = next(target.glob(f"{ANAT}_from-T1w_to-*_xfm.txt")).read_text()
    numbers = [float(word) for word in itk.splitlines()[3].split()[1:]]
    flipped = np.diag([-1, -1, 1, 1]) @ np.array(record.transforms.template_to_first) @ np.diag([-1, -1, 1, 1])
    assert np.allclose(numbers, [*flipped[:3, :3].ravel(), *flipped[:3, 3]])


def test_the_page_shows_every_head_and_what_was_set_aside(folders):
    page = (folders[1] / "quality.html").read_text()
    assert "2 prepared heads, " in page and "1 set aside" in page and "sub-03 has no T1w image." in page
    for id in ("sub-01", "sub-02_ses-1"):
        assert f'src="figures/{id}.png"' in page and (folders[1] / "figures" / f"{id}.png").stat().st_size > 10_000


def test_called_again_it_completes_what_is_missing_and_changes_nothing_else(folders, tmp_path):
    source, target = folders[0], tmp_path / "out"
    shutil.copytree(folders[1], target)
    before = contents(target)
    record_path(target, "sub-01").unlink()  # as after a kill
    (target / f"{ANAT}_space-orig_desc-brain_mask.nii.gz").unlink()
    outcome = prepare_folder(source, target, QUICK, SilentReporter())
    assert (outcome.prepared, outcome.new) == (2, 1)
    after = contents(target)
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name] and not name.endswith(".gz")] == []
    code, said = run(source, target, "--no-bias-correction", "--part", "2/2")
    assert code == 1 and "1 heads in" in said and "1 set aside; the same command tries them again" in said


def test_other_settings_and_changed_scans_do_not_go_into_one_folder(folders, tmp_path, raw_head):
    source, target = tmp_path / "in", tmp_path / "out"
    shutil.copytree(folders[0], source)
    shutil.copytree(folders[1], target)
    before = contents(target)
    code, said = run(source, target)
    assert code == 2 and "holds heads prepared with other settings: name a new folder." in said
    assert contents(target) == before
    image = raw_head.images["T1w"] * 2
    nibabel.save(nibabel.Nifti1Image(image, raw_head.affines["T1w"]), source / f"{ANAT}_T1w.nii.gz")
    code, said = run(source, target, "--no-bias-correction")
    assert code == 1 and "sub-01 has changed since it was prepared; remove" in said
    assert contents(target).keys() == before.keys()


def volume(head: RawHead, change=lambda image: image, affine=lambda matrix: matrix, mask=None):
    """Writes a changed T1w, and a changed mask beside it or none."""

    def write(root: Path) -> None:
        folder = head.write(root, mask=None)
        image = nibabel.Nifti1Image(change(head.images["T1w"].copy()), affine(head.affines["T1w"].copy()))
        nibabel.save(image, folder / "sub-01_T1w.nii.gz")
        if mask is not None:
            changed = mask(head.brain_mask.astype(np.float32))
            nibabel.save(nibabel.Nifti1Image(changed, image.affine), folder / "sub-01_desc-brain_mask.nii.gz")

    return write


def same(mask):
    return mask


def scaled(factor):
    def change(matrix):
        matrix[:3, :3] *= factor
        return matrix

    return change


def with_nan(image):
    image[3, 3, 3] = np.nan
    return image


def as_text(root):
    (root / "sub-01" / "anat").mkdir(parents=True)
    (root / f"{ANAT}_T1w.nii.gz").write_text("no image")


def cut(root, head):
    path = head.write(root) / "sub-01_T1w.nii.gz"
    path.write_bytes(path.read_bytes()[:5000])


def two(root, head):
    path = head.write(root) / "sub-01_T1w.nii.gz"
    shutil.copy(path, path.with_name("sub-01_run-2_T1w.nii.gz"))


def far_t2w(root, head):
    folder = head.write(root, "sub-01", "desc-brain_mask", "T2w")
    image = nibabel.Nifti1Image(head.images["T2w"][30:54, 30:54, 30:54], scaled(0.5)(head.affines["T2w"].copy()))
    nibabel.save(image, folder / "sub-01_T2w.nii.gz")


def unmasked_patient(root, head):
    folder = head.write(root)
    (folder / "sub-01_space-MNI_label-lesion_mask.nii.gz").write_text("")


def lesion_outside(root, head):
    lesion = np.zeros(head.brain_mask.shape, np.uint8)
    lesion[0, 0, 0] = 1
    nibabel.save(nibabel.Nifti1Image(lesion, head.affines["T1w"]), head.write(root) / "sub-01_lesion_mask.nii.gz")


def ball(mask):
    """A ball where nothing of a brain is, and of another contrast."""
    points = np.moveaxis(np.indices(mask.shape), 0, -1)
    return (np.linalg.norm(points - [60, 12, 12], axis=-1) < 11).astype(np.float32)


BROKEN = {  # what is wrong -> how to write it, the sentence
    "no T1w at all": (lambda root, head: root.mkdir(), r"holds no T1w image with a BIDS name, such as sub-01/anat"),
    "text": (lambda root, head: as_text(root), r"sub-01_T1w.nii.gz is no NIfTI file; convert it"),
    "cut": (cut, r"sub-01_T1w.nii.gz is damaged or incomplete: gzip cannot unpack it; copy it again"),
    "two T1w": (two, r"sub-01 has 2 files that could be its T1w image \(.*\); keep one"),
    "4D": (
        lambda root, head: volume(head, lambda image: np.stack([image, image], -1))(root),
        r"sub-01_T1w.nii.gz has 4 dimensions \(72, 80, 64, 2\); keep one 3D volume",
    ),
    "NaN": (
        lambda root, head: volume(head, with_nan)(root),
        r"sub-01_T1w.nii.gz contains NaN or infinite values; replace them by 0",
    ),
    "empty": (
        lambda root, head: volume(head, np.zeros_like)(root),
        r"sub-01_T1w.nii.gz is empty: all its voxels have one value",
    ),
    "metres": (
        lambda root, head: volume(head, affine=scaled(1000))(root),
        r"sub-01_T1w.nii.gz is 216 m long by its header; mend its voxel size or unit",
    ),
    "a few slices": (
        lambda root, head: volume(head, lambda image: image[:, 30:38])(root),
        r"sub-01_T1w.nii.gz has only 8 slices, \(72, 8, 64\) voxels; a whole brain is needed",
    ),
    "thick voxels": (
        lambda root, head: volume(head, affine=scaled(3.2))(root),
        r"sub-01_T1w.nii.gz has voxels of 8.64 mm, 8 mm at most are of use",
    ),
    "mask of another shape": (
        lambda root, head: volume(head, mask=lambda mask: mask[:60])(root),
        r"desc-brain_mask.nii.gz has the shape \(60, 80, 64\), but sub-01_T1w.nii.gz has \(72, 80, 64\)",
    ),
    "empty mask": (
        lambda root, head: volume(head, mask=np.zeros_like)(root),
        r"desc-brain_mask.nii.gz has no voxel set; draw the mask or remove the file",
    ),
    "mask of small values": (
        lambda root, head: volume(head, mask=lambda mask: mask / 255)(root),
        r"desc-brain_mask.nii.gz has values, such as 0.003922, but none reaches 0.5",
    ),
    "a mouse": (
        lambda root, head: volume(head, affine=scaled(0.3), mask=same)(root),
        r"desc-brain_mask.nii.gz has a brain of \d+ ml, where 200 to 3000 are possible; check its voxel size",
    ),
    "a mask of something else": (
        lambda root, head: volume(head, lambda image: -image + 1200, scaled(1.7), ball)(root),
        r"sub-01 cannot be laid on the template MNI152NLin2009aSym; look at its brain mask",
    ),
    "negative brain": (
        lambda root, head: volume(head, lambda image: image - 700, mask=same)(root),
        r"sub-01_T1w.nii.gz was normalised, its brain has negative values.*with --no-bias-correction",
    ),
    "T2w of a corner": (far_t2w, r"sub-01_T2w.nii.gz (shows only \d+ % of|does not overlap|cannot be laid on the T1w)"),
    "a patient without mask": (unmasked_patient, r"sub-01 a patient, but is no lesion mask of|is not in the space of"),
    "lesion outside": (lesion_outside, r"sub-01_lesion_mask.nii.gz lies outside the brain; check its place"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_scan_is_a_sentence(tmp_path, raw_head, what):
    write, sentence = BROKEN[what]
    write(tmp_path / "in", raw_head)
    before = contents(tmp_path)
    code, said = run(tmp_path / "in", tmp_path / "out")
    words = " ".join(said.split())
    assert code == 2 and "Traceback" not in said
    assert re.search(sentence, words), words
    assert {name: content for name, content in contents(tmp_path).items() if name.startswith("in")} == before
    assert not list((tmp_path / "out").glob("sub-*"))


def test_folders_that_cannot_be_used(tmp_path, raw_head):
    raw_head.write(tmp_path / "in")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    for target, sentence in (
        (tmp_path / "in", "OUT is the folder of the raw scans"),
        (tmp_path / "other", "holds files that `bench prepare` did not make, such as mine.txt: name a new one."),
        (tmp_path / "other" / "mine.txt", "is no folder: name another one."),
    ):
        code, said = run(tmp_path / "in", target)
        assert code == 2 and sentence in " ".join(said.split())
    assert "does not exist" in run(tmp_path / "none", tmp_path / "out")[1]
    assert "--part 3/2 should read K/N" in run(tmp_path / "in", tmp_path / "out", "--part", "3/2")[1]
    assert contents(tmp_path) == before


def test_outliers_by_hand():
    usual = [Quality(brain_ml=1400 + k, growth=1.3 + k / 1000, likeness=0.85, inside=1) for k in range(9)]
    odd = Quality(brain_ml=1600, growth=1.3, likeness=0.6, inside=0.9)
    assert outliers(usual) == [[]] * 9
    assert outliers([*usual, odd])[-1] == [
        "likeness to the template 0.60, usual are 0.7 and more",
        "only 90 % of the brain on the template's grid",
        "brain volume 1600 ml, the median is 1404 ml",
    ]
    assert outliers([Quality(brain_ml=700, growth=1.3, likeness=0.8, inside=1)]) == [
        ["brain volume 700 ml, usual are 900 to 2000"]
    ]


def test_chosen_channels_alone_are_prepared_and_t1w_is_among_them(raw_head, tmp_path):
    raw_head.write(tmp_path / "in", "sub-01", "desc-brain_mask", "T2w")
    code, said = run(tmp_path / "in", tmp_path / "out", "--channels", "T2w,T1w")
    assert code == 2 and "laid on the template, by their T1w image" in said.replace("\n", " ")
    code, said = run(tmp_path / "in", tmp_path / "out", "--channels", "T1w", "--no-bias-correction")
    assert code == 0 and not [*(tmp_path / "out").rglob("*T2w*")], said
    code, said = run(tmp_path / "in", tmp_path / "out", "--no-bias-correction")
    assert code == 2 and "prepared with other settings" in said
