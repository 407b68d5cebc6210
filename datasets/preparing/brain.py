"""Where the brain is in a raw head: a mask that is there, a background that was removed before, or deepbet."""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.preparation import corner_value

SMALLEST_BRAIN_ML, LARGEST_BRAIN_ML = 200, 3000  # of what may be a brain: a newborn's has 300, one in a template 2500
EMPTY = "put a brain mask beside it, such as sub-01_desc-brain_mask.nii.gz"


def is_extracted(image: FloatArray, affine: Affine) -> bool:
    """Whether all but a brain was removed from an image (X, Y, Z): its background is one value, and what stands out
    of it is as large as a brain."""
    background = corner_value(image)
    return background is not None and volume_ml(image != background, affine) <= LARGEST_BRAIN_ML


def volume_ml(mask: BoolArray, affine: Affine) -> float:
    """The volume of a mask."""
    return float(mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)


def check_volume(brain_mask: BoolArray, affine: Affine, what: object) -> None:
    """BenchError unless a mask is as large as brains are. what: whose it is, as a sentence begins."""
    size_ml = volume_ml(brain_mask, affine)
    if not SMALLEST_BRAIN_ML <= size_ml <= LARGEST_BRAIN_ML:
        raise BenchError(
            f"{what} has a brain of {size_ml:.0f} ml, where {SMALLEST_BRAIN_ML} to {LARGEST_BRAIN_ML} are possible; "
            f"check its voxel size, or {EMPTY}."
        )


def found_brain(image: FloatArray, affine: Affine, path: Path, device: str = "cpu") -> BoolArray:
    """The brain mask (X, Y, Z) of a T1w image of a whole head, by deepbet (Fisch 2024); BenchError when there is none.

    About 10 s on two cores. device: "cpu", or "cuda".
    """
    import nibabel
    import torch

    if find_spec("deepbet") is None:
        raise BenchError(
            f"{path} is a whole head, and deepbet, which finds the brain in it, is not installed: "
            f"`pip install 'brain-anomaly-bench[prepare]'`, or {EMPTY}."
        )
    to_ras = nibabel.io_orientation(affine)
    upright = nibabel.apply_orientation(image, to_ras)
    extraction = _deepbet(device)
    try:
        with torch.inference_mode():
            found = extraction.postprocess(extraction.run_model(np.ascontiguousarray(upright)) > 0.5)
    except (AssertionError, ValueError):  # nothing that looks like a brain
        found = np.zeros(upright.shape, dtype=bool)
    back = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), to_ras)
    mask: BoolArray = nibabel.apply_orientation(found, back).astype(bool)
    if not mask.any():
        raise BenchError(f"{path} shows no brain that deepbet would find; check that it is a T1w image, or {EMPTY}.")
    return mask


def extraction_name() -> str:
    """What finds brains, with its version."""
    return f"deepbet {version('deepbet')}"


@cache  # its two networks are read once a process
def _deepbet(device: str) -> Any:
    from deepbet import BrainExtraction

    return BrainExtraction(no_gpu=device == "cpu")
