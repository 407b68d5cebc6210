"""A model of six tiny brains, made as a user makes one, and folders of scans to ask it about."""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from bench import cli
from bench.runs.tracking import Tracker

SHAPE = (24, 28, 20)
AFFINE = np.array([[2.0, 0, 0, -24], [0, 2, 0, -28], [0, 0, 2, -20], [0, 0, 0, 1]])


def brain(seed: int) -> np.ndarray:
    """An ellipsoid, bright inside and darker towards its rim, with a little noise, on 0."""
    centre = (np.array(SHAPE) - 1) / 2
    distance = np.linalg.norm((np.moveaxis(np.indices(SHAPE), 0, -1) - centre) / (centre * 0.7), axis=-1)
    noise = np.random.default_rng(seed).normal(0, 20, SHAPE)
    return np.where(distance <= 1, 500 - 300 * distance + noise, 0).clip(min=0).astype(np.float32)


def write(path: Path, volume: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """A NIfTI file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(volume, affine).to_filename(path)
    return path


def invoke(*arguments: object):
    """The command, in this process."""
    return CliRunner().invoke(cli.app, [str(one) for one in arguments])


@dataclass(frozen=True)
class Made:
    """A workspace with a finished run of zscore on `scans`, and its model, called tiny."""

    workspace: Path
    scans: Path

    def predict(self, *arguments: object):
        """`bench predict` with that model."""
        model = () if "--model" in arguments else ("--model", "tiny")
        return invoke("predict", *arguments, *model, "--workspace", self.workspace, "--threads", 1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made")
    for k in range(8):
        write(root / "scans" / f"sub-{k}" / "anat" / f"sub-{k}_T1w.nii.gz", brain(k))
    found = Made(root / "workspace", root / "scans")
    place = ("--workspace", found.workspace, "--threads", 1)
    with pytest.MonkeyPatch.context() as patch:  # MLflow takes seconds, and has tests of its own
        patch.setattr(Tracker, "log", lambda *_: None)
        run = invoke("run", "--method", "zscore", "--root", found.scans, "--lesion-load-ml", 1, *place)
    assert run.exit_code == 0, run.output
    exported = invoke("models", "export", "zscore", "--name", "tiny", "--licence", "Apache-2.0", *place)
    assert exported.exit_code == 0, exported.output
    return found
