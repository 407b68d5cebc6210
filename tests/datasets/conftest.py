"""Tiny folders of scans, for the tests of datasets that are read from disk."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from datasets.dataset import Dataset
from datasets.load import load_dataset
from datasets.sources import dataset_settings
from tests.datasets.raw_heads import RawHead, make_raw_head


class ScanFolder:
    """A folder under construction."""

    affine = np.array([[2.0, 0, 0, -24], [0, 2, 0, -28], [0, 0, 2, -20], [0, 0, 0, 1]])
    shape = (24, 28, 20)

    def __init__(self, root: Path) -> None:
        self.root = root

    def brain(self, seed: int, shape: tuple[int, int, int] = shape) -> np.ndarray:
        """A brain-extracted image: an ellipsoid of positive noise on background 0."""
        centre = (np.array(shape) - 1) / 2
        distance = np.linalg.norm((np.moveaxis(np.indices(shape), 0, -1) - centre) / (centre * 0.7), axis=-1)
        noise = np.random.default_rng(seed).uniform(100, 1000, shape)
        return np.where(distance <= 1, noise, 0).astype(np.float32)

    def lesion(self) -> np.ndarray:
        """A lesion mask of 27 voxels inside the brain."""
        mask = np.zeros(self.shape, np.uint8)
        mask[14:17, 12:15, 9:12] = 1
        return mask

    def path(self, subject: str, what: str) -> Path:
        """Such as sub-01/anat/sub-01_T1w.nii.gz for ("sub-01", "T1w"); a session is "sub-01_ses-1"."""
        return self.root / subject.replace("_", "/") / "anat" / f"{subject}_{what}.nii.gz"

    def write(self, path: Path, volume: np.ndarray, affine: np.ndarray = affine) -> Path:
        """A NIfTI file, its folders made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(volume, affine), path)
        return path

    def add(self, subject: str, seed: int, *others: str) -> None:
        """A subject with a T1w image and perhaps "T2w" or "label-lesion_mask"."""
        self.write(self.path(subject, "T1w"), self.brain(seed))
        for what in others:
            volume = self.brain(seed + 1000) if what == "T2w" else self.lesion()
            self.write(self.path(subject, what), volume)

    def table(self, text: str) -> None:
        """participants.tsv, columns parted by blanks here."""
        lines = [line.strip().replace(" ", "\t") for line in text.strip().splitlines()]
        (self.root / "participants.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def scans(tmp_path: Path) -> ScanFolder:
    """An empty folder to fill."""
    return ScanFolder(tmp_path / "scans")


@pytest.fixture(scope="session")
def raw_head() -> RawHead:
    """A raw head whose transforms are known."""
    return make_raw_head()


@pytest.fixture
def cohort(scans: ScanFolder) -> ScanFolder:
    """Ten healthy subjects, sub-00 to sub-09, with T1w and T2w."""
    for k in range(10):
        scans.add(f"sub-{k:02d}", k, "T2w")
    return scans


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Dataset]:
    """Loads a dataset with these settings, bids if not named otherwise, with a cache in the test's folder."""

    def made(root: Path | None = None, name: str = "bids", cache: str = "cache", **others: object) -> Dataset:
        given = others if root is None else {"root": root, **others}
        return load_dataset(dataset_settings(name, given), tmp_path / cache)

    return made
