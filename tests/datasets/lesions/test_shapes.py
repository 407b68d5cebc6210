from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.errors import BenchError
from datasets.lesions.shapes import (
    MNI_AFFINE,
    MNI_SHAPE,
    SIZE_CLASSES,
    AtlasShapes,
    ProceduralShapes,
    mni_indices,
    read_atlas_mask,
)

ATLAS = Path(__file__).parents[4] / "shared/data/slicer-ms-labels"


def places_mm(mask):
    """Voxel indices of a mask as points (N, 3) in mm."""
    voxels = np.stack(np.unravel_index(mask, MNI_SHAPE), axis=1)
    return voxels @ MNI_AFFINE[:3, :3].T + MNI_AFFINE[:3, 3]


@pytest.fixture
def atlas(tmp_path):
    """One cube a class: 30, 12, 8, 5 and 3 voxels wide, apart from one another."""
    for size, width, start in zip(SIZE_CLASSES, (30, 12, 8, 5, 3), (20, 60, 80, 95, 105), strict=True):
        volume = np.zeros(MNI_SHAPE, np.uint8)
        volume[start : start + width, 100 : 100 + width, 80 : 80 + width] = 1
        (tmp_path / size.folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(volume, MNI_AFFINE), tmp_path / size.folder / "0.nii.gz")
    return tmp_path


def test_mni_indices_round_trip():
    mask = np.array([5, 1000, 200000, np.prod(MNI_SHAPE) - 1])
    assert np.array_equal(mni_indices(places_mm(mask)), mask)
    assert len(mni_indices(np.array([[500.0, 0, 0]]))) == 0


@pytest.mark.parametrize("size", SIZE_CLASSES, ids=lambda size: size.folder)
def test_procedural_masks_are_pairs_of_the_class(size):
    shapes, rng = ProceduralShapes(), np.random.default_rng(0)
    volumes = []
    for _ in range(6 if size is SIZE_CLASSES[0] else 12):
        mask = shapes.draw(size, np.inf, rng)
        assert np.array_equal(mask, np.unique(mask))
        volumes.append(len(mask))
        assert 0.8 * size.at_least_mm3 <= len(mask) <= size.at_most_mm3
        points = places_mm(mask)
        right, left = points[points[:, 0] > 0], points[points[:, 0] < 0]
        apart = np.linalg.norm(right.mean(axis=0) * [-1, 1, 1] - left.mean(axis=0))
        assert apart < 3 * size.axes_mm[0], "the counterpart lies at the mirrored place"
        assert -80 < points[:, 1].mean() < 45 and -40 < points[:, 2].mean() < 65
    assert 0.5 < np.median(volumes) / size.volume_mm3 < 2


def test_procedural_masks_larger_than_allowed_are_not_drawn():
    assert ProceduralShapes().draw(SIZE_CLASSES[0], 5000, np.random.default_rng(0)) is None


def test_procedural_masks_are_elongated_and_in_white_matter():
    from datasets.lesions.shapes import periventricular_white_matter

    where, rng = periventricular_white_matter(), np.random.default_rng(1)
    ratios, fractions = [], []
    for _ in range(20):
        points = places_mm(ProceduralShapes().draw(SIZE_CLASSES[2], np.inf, rng))
        lesion = points[points[:, 0] > 0]
        sds = np.sqrt(np.linalg.eigvalsh(np.cov(lesion.T)))
        ratios.append(sds[2] / sds[1])
        voxels = np.rint(points @ where.to_voxel[:3, :3].T + where.to_voxel[:3, 3]).astype(int)
        fractions.append(where.fraction[tuple(voxels.T)].mean())
    assert np.median(ratios) > 1.5
    assert np.median(fractions) > 0.75


def test_atlas_masks_are_read_where_they_lie(atlas):
    shapes = AtlasShapes(atlas)
    assert [shapes.count(size) for size in SIZE_CLASSES] == [1] * 5
    mask = shapes.draw(SIZE_CLASSES[1], 1728, np.random.default_rng(0))
    assert len(mask) == 12**3
    x, y, z = np.unravel_index(mask[0], MNI_SHAPE)
    assert (x, y, z) == (60, 100, 80)
    assert shapes.draw(SIZE_CLASSES[1], 1727, np.random.default_rng(0)) is None


def test_atlas_masks_stored_with_flipped_axes_are_the_same(tmp_path):
    volume = np.zeros(MNI_SHAPE, np.uint8)
    volume[30:33, 40, 50] = 1
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = MNI_SHAPE[0] - 1
    nibabel.save(nibabel.Nifti1Image(volume, MNI_AFFINE), tmp_path / "a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(volume[::-1], MNI_AFFINE @ flip), tmp_path / "b.nii.gz")
    assert np.array_equal(read_atlas_mask(tmp_path / "a.nii.gz"), read_atlas_mask(tmp_path / "b.nii.gz"))


def test_unusable_atlases_are_named(atlas, tmp_path):
    with pytest.raises(BenchError, match="does not exist"):
        AtlasShapes(tmp_path / "none")
    mask = atlas / "50-100" / "0.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.diag([2.0, 2, 2, 1])), mask)
    with pytest.raises(BenchError, match=r"50-100/0\.nii\.gz does not have 1 mm voxels"):
        read_atlas_mask(mask)
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), mask)
    with pytest.raises(BenchError, match="holds no lesion"):
        read_atlas_mask(mask)
    mask.write_bytes(b"no image")
    with pytest.raises(BenchError, match="is no NIfTI file"):
        read_atlas_mask(mask)
    mask.rename(mask.with_name("._0.nii.gz"))  # what macOS leaves is no mask
    with pytest.raises(BenchError, match="no masks of the size class 50-100"):
        AtlasShapes(atlas)


@pytest.mark.skipif(not ATLAS.is_dir(), reason="needs the real atlas")
def test_the_real_atlas_has_masks_of_every_class():
    shapes, rng = AtlasShapes(ATLAS), np.random.default_rng(0)
    volumes = [len(shapes.draw(size, np.inf, rng)) for size in SIZE_CLASSES]
    assert volumes == sorted(volumes, reverse=True)
    assert all(shapes.count(size) >= 40 for size in SIZE_CLASSES)
