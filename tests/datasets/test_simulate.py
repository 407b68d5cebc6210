"""Lesions in a user's own scans: files, refusals, and the way back into a run."""

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from bench.reporting import SilentReporter
from datasets.lesions.settings import LesionSettings
from datasets.scans.bids_layout import find_subjects
from datasets.simulate import simulate_folder

AFFINE = np.array([[2.0, 0, 0, -60], [0, 2, 0, -70], [0, 0, 2, -50], [0, 0, 0, 1]])
SHAPE = (60, 70, 60)


class Reporter(SilentReporter):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def write(path, volume):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(volume.astype(np.float32), AFFINE).to_filename(path)


@pytest.fixture
def healthy(tmp_path):
    """Two healthy subjects, one of them with a T2w, brains as ellipsoids of noise around 100."""
    rng = np.random.default_rng(0)
    ijk = np.indices(SHAPE).reshape(3, -1)
    offset = (ijk - (np.array(SHAPE)[:, None] - 1) / 2) / np.array([[28], [33], [28]])
    brain = (np.linalg.norm(offset, axis=0) < 1).reshape(SHAPE)
    for subject, channels in (("sub-1", ("T1w", "T2w")), ("sub-2", ("T1w",))):
        for channel in channels:
            image = brain * rng.normal(100, 5, SHAPE)
            write(tmp_path / "in" / subject / "anat" / f"{subject}_{channel}.nii.gz", image)
    return tmp_path / "in"


def test_images_change_only_under_the_mask_and_are_found_as_patients(healthy, tmp_path):
    settings = LesionSettings(set="plain", lesion_load_ml=5)
    assert simulate_folder(healthy, tmp_path / "out", settings, 0, SilentReporter()) == 2
    subjects = find_subjects(tmp_path / "out").subjects
    assert [(s.id, sorted(s.images)) for s in subjects] == [("sub-1", ["T1w", "T2w"]), ("sub-2", ["T1w"])]
    for files in subjects:
        mask = nibabel.load(files.lesion_mask).get_fdata() > 0
        assert 0 < mask.sum() * 8 / 1000 <= 5
        near = np.zeros_like(mask)
        near[tuple(np.clip(np.argwhere(mask).T[:, :, None] + np.indices((5, 5, 5)).reshape(3, 1, -1) - 2, 0, 59))] = (
            True
        )
        for channel, path in files.images.items():
            before = nibabel.load(healthy / files.id / "anat" / path.name).get_fdata()
            after = nibabel.load(path).get_fdata()
            assert np.allclose(nibabel.load(path).affine, AFFINE)
            assert np.allclose(after[~near], before[~near], rtol=1e-4), channel
            assert np.abs(after[mask] - before[mask]).mean() > 5


def test_the_same_seed_gives_the_same_files_and_another_one_others(healthy, tmp_path):
    settings = LesionSettings(lesion_load_ml=5)
    masks = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        simulate_folder(healthy, tmp_path / folder, settings, seed, SilentReporter())
        mask = tmp_path / folder / "sub-2" / "anat" / "sub-2_label-lesion_mask.nii.gz"
        masks.append(nibabel.load(mask).get_fdata())
    assert np.array_equal(masks[0], masks[1]) and not np.array_equal(masks[0], masks[2])


def test_patients_are_set_aside(healthy, tmp_path):
    write(healthy / "sub-1" / "anat" / "sub-1_label-lesion_mask.nii.gz", np.ones(SHAPE))
    messages = Reporter()
    assert simulate_folder(healthy, tmp_path / "out", LesionSettings(lesion_load_ml=5), 0, messages) == 1
    assert any("sub-1 has lesions already" in line for line in messages.lines)


def test_folders_that_cannot_be_used(healthy, tmp_path):
    with pytest.raises(BenchError, match="name another one"):
        simulate_folder(healthy, healthy, LesionSettings(), 0, SilentReporter())
    with pytest.raises(BenchError, match="does not exist"):
        simulate_folder(tmp_path / "none", tmp_path / "out", LesionSettings(), 0, SilentReporter())


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SETTINGS = LesionSettings(lesion_load_ml=5)


@pytest.mark.parametrize(
    "name", ["sub-2/anat/sub-2_T1w.nii.gz", "sub-9/anat/sub-9_T1w.nii.gz", "dataset_description.json", "notes.txt"]
)
def test_a_folder_of_anything_else_is_refused_and_not_touched(healthy, tmp_path, name):
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text('{"GeneratedBy": [{"Name": "another program"}]}')
    before = contents(tmp_path)
    with pytest.raises(
        BenchError, match=r"out holds files that `bench simulate-lesions` did not make, such as .*: name"
    ):
        simulate_folder(healthy, tmp_path / "out", SETTINGS, 0, SilentReporter())
    assert contents(tmp_path) == before


def test_what_the_same_command_wrote_is_kept_and_completed(healthy, tmp_path):
    out = tmp_path / "out"
    simulate_folder(healthy, out, SETTINGS, 0, SilentReporter())
    whole = contents(out)
    times = {path: path.stat().st_mtime_ns for path in whole}
    assert simulate_folder(healthy, out, SETTINGS, 0, SilentReporter()) == 2
    assert {path: path.stat().st_mtime_ns for path in contents(out)} == times
    for name in (
        "sub-1/anat/sub-1_T2w.nii.gz",
        "sub-2/anat/sub-2_T1w.nii.gz",
        "sub-2/anat/sub-2_desc-brain_mask.nii.gz",
    ):
        (out / name).unlink()  # as after a kill
    assert simulate_folder(healthy, out, SETTINGS, 0, SilentReporter()) == 2
    assert contents(out) == whole


def test_other_settings_or_other_scans_do_not_go_into_one_folder(healthy, tmp_path):
    out = tmp_path / "out"
    simulate_folder(healthy, out, SETTINGS, 0, SilentReporter())
    before = contents(out)
    for settings, seed in ((SETTINGS, 1), (LesionSettings(lesion_load_ml=6), 0)):
        with pytest.raises(BenchError, match="out holds lesions made with another seed or other settings: name a new"):
            simulate_folder(healthy, out, settings, seed, SilentReporter())
    write(healthy / "sub-3" / "anat" / "sub-3_T1w.nii.gz", np.ones(SHAPE))
    write(out / "sub-3" / "anat" / "sub-3_T1w.nii.gz", np.ones(SHAPE))
    with pytest.raises(BenchError, match=r"sub-3_T1w.nii.gz is none of what `bench simulate-lesions` made there: move"):
        simulate_folder(healthy, out, SETTINGS, 0, SilentReporter())
    (out / "sub-3" / "anat" / "sub-3_T1w.nii.gz").unlink()
    scan = healthy / "sub-2" / "anat" / "sub-2_T1w.nii.gz"
    write(scan, nibabel.load(scan).get_fdata() * 2)
    with pytest.raises(BenchError, match=r"sub-2 has changed since its lesions in .*out were made: name a new folder"):
        simulate_folder(healthy, out, SETTINGS, 0, SilentReporter())
    assert contents(out) == before


def test_derivatives_may_hold_the_result_and_be_completed(healthy):
    out = healthy / "derivatives" / "sim"
    assert simulate_folder(healthy, out, SETTINGS, 0, SilentReporter()) == 2
    whole = contents(healthy)
    (out / "sub-1" / "anat" / "sub-1_T1w.nii.gz").unlink()
    assert simulate_folder(healthy, out, SETTINGS, 0, SilentReporter()) == 2
    assert contents(healthy) == whole
