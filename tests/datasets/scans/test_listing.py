"""What lies below a folder: links, loops, what cannot be opened."""

import os
from pathlib import Path

import pytest

from datasets.scans.listing import listed, not_used


@pytest.fixture
def locked(monkeypatch):
    """Makes folders that may not be opened, for the superuser as well."""
    scandir = os.scandir

    def lock(folder: Path) -> None:
        def refuse(place):
            if Path(place) == folder:
                raise PermissionError(13, "Permission denied", str(place))
            return scandir(place)

        monkeypatch.setattr("datasets.scans.listing.os.scandir", refuse)

    return lock


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_links_are_followed_and_loops_end(tmp_path):
    make(tmp_path / "pool/sub-1/a.nii.gz", tmp_path / "root/b.nii.gz")
    (tmp_path / "root/sub-1").symlink_to(tmp_path / "pool/sub-1")
    (tmp_path / "root/again").symlink_to(tmp_path / "root")
    (tmp_path / "root/itself").symlink_to("itself")
    (tmp_path / "pool/sub-1/up").symlink_to(tmp_path / "root")
    found = listed(tmp_path / "root")
    assert found.files == [tmp_path / "root/b.nii.gz", tmp_path / "root/sub-1/a.nii.gz"]
    assert found.unreadable == [tmp_path / "root/itself"]


def test_hidden_files_are_left_out_and_links_that_lead_nowhere_are_not(tmp_path):
    make(tmp_path / ".git/a.nii.gz", tmp_path / "._b.nii.gz")
    (tmp_path / "sub-1").symlink_to("gone")
    (tmp_path / "c.nii.gz").symlink_to("gone.nii.gz")
    found = listed(tmp_path)
    assert (found.files, found.unreadable) == ([tmp_path / "c.nii.gz"], [tmp_path / "sub-1"])


def test_what_cannot_be_opened_is_named(tmp_path, locked):
    make(tmp_path / "sub-1/a.nii.gz", tmp_path / "sub-2/b.nii.gz")
    locked(tmp_path / "sub-1")
    assert (listed(tmp_path).files, listed(tmp_path).unreadable) == (
        [tmp_path / "sub-2/b.nii.gz"],
        [tmp_path / "sub-1"],
    )


def test_an_unreadable_subject_is_set_aside_by_name(cohort, load, locked):
    locked(cohort.root / "sub-03" / "anat")
    dataset = load(cohort.root)
    assert [one.id for one in dataset.set_aside] == ["sub-03"]
    assert "sub-03/anat cannot be opened; check its permissions" in dataset.set_aside[0].reason


def test_subjects_that_may_be_patients_in_a_folder_that_cannot_be_opened(cohort, load, locked):
    make(cohort.root / "derivatives/masks/sub-03/anat/x.nii.gz", cohort.root / "lost+found/x")
    locked(cohort.root / "derivatives/masks/sub-03")
    assert [one.id for one in load(cohort.root).set_aside] == ["sub-03"]
    locked(cohort.root / "lost+found")
    assert any("lost+found cannot be opened; what is in it is not used." in note for note in load(cohort.root).notes)


def test_sentences_count():
    assert not_used([], "never") == []
    assert not_used([Path("a")], "never") == ["1 file is not used, such as a: never."]
    assert not_used([Path("a"), Path("b")], "never") == ["2 files are not used, such as a: never."]
