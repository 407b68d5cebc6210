"""Small inputs: E, maps to evaluate, and B, scans to learn from and to test on."""

import shutil
from pathlib import Path

import nibabel
import numpy as np


def write_nifti(path: Path, volume: np.ndarray, affine: np.ndarray) -> None:
    """A NIfTI file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(volume, affine).to_filename(path)


def make_maps(root: Path) -> None:
    """Input E: three subjects, 20x18x16 at 2 mm; a map is uniform noise + 2 x lesion."""
    affine = np.diag([2.0, 2, 2, 1])
    for index in (1, 2, 3):
        brain, lesion = np.zeros((2, 20, 18, 16), np.uint8)
        brain[2:18, 2:16, 2:14] = 1
        lesion[4 + index : 7 + index, 6:9, 6:9] = 1
        noise = np.random.default_rng(index).uniform(0, 1, brain.shape)
        write_nifti(root / "labels" / f"sub-{index}_label-lesion_mask.nii.gz", lesion, affine)
        write_nifti(root / "labels" / f"sub-{index}_desc-brain_mask.nii.gz", brain, affine)
        write_nifti(root / "maps" / f"sub-{index}_anomaly.nii.gz", (noise + 2 * lesion).astype(np.float32), affine)


def make_scans(root: Path) -> None:
    """Input B: six healthy T1w subjects, 24x28x20, an ellipsoid of noise on 0."""
    shape = (24, 28, 20)
    affine = np.array([[2.0, 0, 0, -24], [0, 2, 0, -28], [0, 0, 2, -20], [0, 0, 0, 1]])
    centre = (np.array(shape) - 1) / 2
    distance = np.linalg.norm((np.moveaxis(np.indices(shape), 0, -1) - centre) / (centre * 0.7), axis=-1)
    for index in range(1, 7):
        noise = np.random.default_rng(index).uniform(100, 1000, shape)
        image = np.where(distance <= 1, noise, 0).astype(np.float32)
        write_nifti(root / "B" / f"sub-{index}" / "anat" / f"sub-{index}_T1w.nii.gz", image, affine)


def copy_input(originals: Path, command: str, root: Path) -> None:
    """The command's input, in the folder that it runs in."""
    shutil.copytree(originals / ("E" if command == "evaluate" else "B"), root, dirs_exist_ok=True)
    root.chmod(0o777)
