"""From scans to answers, as a user types it."""

import json
import shutil

import nibabel
import numpy as np
import pytest

from bench.models.manifest import read_manifest
from bench.predicting.sidecar import read_sidecar

from .conftest import AFFINE, brain, write


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def volume(path):
    return np.asarray(nibabel.load(path).dataobj)


@pytest.fixture
def patient(tmp_path):
    """A brain with a hole of 4x4x4 voxels, 0.512 ml."""
    image = brain(100)
    image[10:14, 12:16, 8:12] = 30
    return write(tmp_path / "sub-p_T1w.nii.gz", image)
