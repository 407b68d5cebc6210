"""Maps, labels and brain masks as any program writes them, and the command that evaluates them."""

from pathlib import Path

import nibabel
import numpy as np
from typer.testing import CliRunner

from bench import cli
from bench.results import load_run
from bench.runs.workspace import Workspace

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (20, 18, 16)
IDS = ("sub-1", "sub-2", "sub-3_ses-1")


def write(path: Path, volume, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(np.asarray(volume), affine).to_filename(path)


def volumes(index):
    """A brain, a lesion of 3 x 3 x 3 voxels, and a map that shows it."""
    brain = np.zeros(SHAPE, np.uint8)
    brain[2:18, 2:16, 2:14] = 1
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[4 + index : 7 + index, 6:9, 6:9] = 1
    noise = np.random.default_rng(index).uniform(0, 1, SHAPE)
    return brain, lesion, (noise + 2 * lesion).astype(np.float32)


def evaluate(*arguments):
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments)])


def only_run(folder):
    (path,) = Workspace(folder / "workspace").run_files()
    return load_run(path)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
