"""An atlas that cannot be used is noticed when the dataset is opened, before anything is learned."""

import shutil

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from datasets.lesions.shapes import MNI_AFFINE, SIZE_CLASSES, lesion_shapes


@pytest.fixture
def atlas(tmp_path):
    """One small mask a class, on a grid of 30 voxels."""
    lesion_shapes.cache_clear()
    folder = tmp_path / "atlas"
    affine = MNI_AFFINE.copy()
    affine[:3, 3] += (-60, 80, 70)
    for size, width in zip(SIZE_CLASSES, (20, 12, 9, 6, 4), strict=True):
        (folder / size.folder).mkdir(parents=True)
        volume = np.zeros((30, 30, 30), np.uint8)
        volume[:width, :width, :width] = 1
        nibabel.Nifti1Image(volume, affine).to_filename(folder / size.folder / "0.nii.gz")
    return folder


@pytest.mark.parametrize("dataset", ["phantom", "bids"])
def test_a_bad_mask_and_a_missing_class_are_noticed_before_fitting(atlas, cohort, load, dataset, monkeypatch):
    given = {"name": dataset, "lesions": {"atlas": atlas}} | ({"root": cohort.root} if dataset == "bids" else {})
    load(**given)
    monkeypatch.setattr("datasets.lesions.masks.draw_masks", None)
    monkeypatch.setattr("datasets.lesions.generators.mslesionsimulator.draw_masks", None)
    load(**given)  # remembered
    monkeypatch.undo()
    lesion_shapes.cache_clear()
    (atlas / "1000-5000" / "0.nii.gz").write_bytes(b"no image")
    with pytest.raises(BenchError, match=r"1000-5000/0\.nii\.gz"):
        load(**given)
    lesion_shapes.cache_clear()
    shutil.rmtree(atlas / "1000-5000")
    with pytest.raises(BenchError, match="has no masks of the size class 1000-5000"):
        load(**given)
