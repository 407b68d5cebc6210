"""Maps on disk: outside the brain the lowest value inside, so that interpolation makes no false rim."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.detector import Detector, MethodInfo
from bench.errors import BenchError
from bench.runs.run_folder import Record, RunFolder, Scored, load_map
from bench.runs.scoring import timed_map
from bench.runs.submissions import read_map
from datasets.case import NativeGrid


class Likelihood(Detector):
    """Negative everywhere inside the brain, NaN outside."""

    info = MethodInfo(name="likelihood", title="likelihood", reference="-")

    def fit(self, context):
        pass

    def score(self, case):
        return np.where(case.brain_mask, case.image[0] - 100, np.float32(np.nan))


@pytest.fixture
def case():
    """A case whose own grid has 1 mm voxels and is wider than the prepared one."""
    first = tiny_dataset().test[0]
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -4.5
    return replace(first, native=NativeGrid((72, 72, 72), affine))


@pytest.fixture
def folder(tmp_path):
    fresh = Record(method="m", title="m", baseline=False, paper_row=None, config={}, seed=0)
    return RunFolder(tmp_path / "run", fresh)


def test_maps_are_kept_with_their_lowest_brain_value_outside_the_brain(case, folder):
    anomaly_map, _ = timed_map(Likelihood(), case)
    lowest = (case.image[0] - 100)[case.brain_mask].min()
    assert np.array_equal(anomaly_map, np.where(case.brain_mask, case.image[0] - 100, lowest))
    folder.keep_map(case, anomaly_map, Scored())
    assert np.array_equal(load_map(folder.prepared_path(case.id)), anomaly_map)
    native = nibabel.load(folder.map_path(case.id)).get_fdata(dtype=np.float32)
    assert native.shape == (72, 72, 72) and native[0, 0, 0] == lowest
    assert native.max() <= anomaly_map.max()  # 0 outside would be the hottest voxels, and their rim


@pytest.mark.parametrize("outside", [0.0, np.nan, np.inf, -1e6])
def test_what_stands_outside_the_brain_of_a_map_on_a_finer_grid_is_not_blurred_into_it(case, folder, tmp_path, outside):
    folder.keep_map(case, timed_map(Likelihood(), case)[0], Scored())
    kept = nibabel.load(folder.map_path(case.id))
    offsets = np.moveaxis(np.indices(kept.shape), 0, -1) + kept.affine[:3, 3]
    far = np.linalg.norm(offsets - np.argwhere(case.brain_mask).mean(axis=0) * 2, axis=-1) > 29  # the brain has 26.9 mm
    path = tmp_path / "theirs.nii.gz"
    nibabel.Nifti1Image(np.where(far, outside, kept.get_fdata()), kept.affine).to_filename(path)
    found, expected = read_map(path, case), read_map(folder.map_path(case.id), case)
    assert np.array_equal(found, expected)
    assert np.abs(found - case.image[0] + 100)[case.brain_mask].mean() < 0.1


def test_a_map_that_is_not_finite_inside_the_brain_is_refused_on_a_finer_grid(case, tmp_path):
    values = np.full((72, 72, 72), np.nan)
    nibabel.Nifti1Image(values, case.native.affine).to_filename(tmp_path / "theirs.nii.gz")
    with pytest.raises(BenchError, match="voxels inside the brain that are not finite"):
        read_map(tmp_path / "theirs.nii.gz", case)
