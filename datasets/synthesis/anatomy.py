"""Random healthy anatomy: ICBM152 tissue maps, moved by a smooth invertible deformation and refolded.

The templates are those packaged with nilearn; nothing is downloaded.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from datasets.case import Affine, BoolArray, FloatArray
from datasets.preparing.resampling import resample

SHAPE = (96, 112, 80)
SPACING_MM = 2.0
ORIGIN_MM = (-96.0, -128.0, -76.0)
DEFORMATION_STEP = 2  # the deformation is computed on every second voxel
INTEGRATION_STEPS = 5


@dataclass(frozen=True)
class Template:
    """ICBM152 maps on the phantom's own grid: (X, Y, Z) float32 in [0, 1], stacked as CHANNELS."""

    maps: torch.Tensor
    to_ventricle: torch.Tensor  # (3, X, Y, Z) unit-scale vectors pointing into the nearest ventricle, in voxels

    CHANNELS = ("csf", "gm", "wm", "brain", "deep")


@dataclass(frozen=True)
class Anatomy:
    """One subject's tissue fractions, (X, Y, Z) float32 that sum to 1 inside the brain.

    deep: how far a voxel belongs to the deep nuclei region, 0 to 1.
    """

    csf: FloatArray
    gm: FloatArray
    wm: FloatArray
    deep: FloatArray
    brain_mask: BoolArray


def phantom_affine() -> Affine:
    """Voxel -> mm of every phantom image: 2 mm, MNI152 axes."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = ORIGIN_MM
    return affine


@cache
def load_template() -> Template:
    """Read the packaged maps once per process (about 3 s)."""
    from nilearn import datasets as nilearn_datasets

    def on_grid(image: Any) -> FloatArray:
        volume = np.asarray(image.get_fdata(), dtype=np.float32)
        return resample(volume, image.affine, phantom_affine(), SHAPE)

    gm = on_grid(nilearn_datasets.load_mni152_gm_template(resolution=2))
    wm = on_grid(nilearn_datasets.load_mni152_wm_template(resolution=2))
    mask = ndimage.binary_fill_holes(on_grid(nilearn_datasets.load_mni152_brain_mask(resolution=2)) > 0.5)
    brain = ndimage.gaussian_filter(mask.astype(np.float32), 0.7)
    csf = np.clip(mask - gm - wm, 0, 1)
    x, y, z = (SPACING_MM * i + o for i, o in zip(np.indices(SHAPE, dtype=np.float32), ORIGIN_MM, strict=True))
    radius = np.sqrt((x / 34) ** 2 + ((y + 12) / 42) ** 2 + ((z - 8) / 24) ** 2)
    deep = 1 / (1 + np.exp((radius - 1) * 10))
    ventricles = ndimage.gaussian_filter(csf * (deep > 0.5), 3.0)
    inward = np.stack([np.gradient(ventricles, axis=axis) for axis in range(3)])
    inward /= np.sqrt((inward**2).sum(0)).max()
    maps = np.stack([csf, gm, wm, brain, deep.astype(np.float32)])
    return Template(torch.from_numpy(maps), torch.from_numpy(inward.astype(np.float32)))


def smooth_noise(
    rng: np.random.Generator, fwhm_mm: float, shape: tuple[int, ...] = SHAPE, spacing_mm: float = SPACING_MM
) -> FloatArray:
    """A Gaussian random field of unit standard deviation and the given width, made coarse and enlarged."""
    step = max(1.0, fwhm_mm / spacing_mm / 4)
    coarse_shape = [int(np.ceil(n / step)) + 1 for n in shape]
    noise = rng.standard_normal(coarse_shape, dtype=np.float32)
    sigma = fwhm_mm / spacing_mm / step / 2.355
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=3.0)
    noise /= noise.std()
    if step == 1.0:
        return np.asarray(noise[tuple(slice(n) for n in shape)], dtype=np.float32)
    return _enlarge(torch.from_numpy(noise)[None], shape)[0].numpy()


def _enlarge(fields: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    return F.interpolate(fields[None], size=list(shape), mode="trilinear", align_corners=True)[0]


def random_affine(rng: np.random.Generator) -> torch.Tensor:
    """(3, 4) from voxels of the subject to voxels of the template: a few degrees, percent and millimetres."""
    a, b, c = np.deg2rad(rng.normal(0, 2.0, 3))
    rotate_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    rotate_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rotate_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    scale = np.array([0.98, 0.97, 0.95]) * rng.normal(1, 0.015) * rng.normal(1, 0.015, 3)
    matrix = rotate_x @ rotate_y @ rotate_z @ np.diag(1 / scale)
    centre = (np.array(SHAPE) - 1) / 2
    shift = centre - matrix @ (centre + np.array([0, 0, -0.5]) + rng.normal(0, 0.8, 3))
    return torch.from_numpy(np.column_stack([matrix, shift]).astype(np.float32))


def random_displacement(rng: np.random.Generator, template: Template) -> torch.Tensor:
    """(3, X, Y, Z) displacement in voxels: the flow of a smooth velocity field, so it is invertible."""
    half = tuple(n // DEFORMATION_STEP for n in SHAPE)
    step_mm = SPACING_MM * DEFORMATION_STEP
    velocity = np.stack(
        [1.0 * smooth_noise(rng, 40, half, step_mm) + 0.4 * smooth_noise(rng, 16, half, step_mm) for _ in range(3)]
    )
    ventricle_growth = rng.uniform(-0.6, 2.8)
    flow = torch.from_numpy(velocity / DEFORMATION_STEP)
    flow = flow + ventricle_growth / DEFORMATION_STEP * _enlarge(template.to_ventricle, half)
    flow = flow / 2**INTEGRATION_STEPS
    for _ in range(INTEGRATION_STEPS):  # scaling and squaring: each pass doubles the time flowed
        flow = flow + sample(flow, grid_of(half) + flow, outside="border")
    return _enlarge(flow * DEFORMATION_STEP, SHAPE)


@cache
def grid_of(shape: tuple[int, ...]) -> torch.Tensor:
    """(3, X, Y, Z) voxel indices as float32."""
    return torch.stack(torch.meshgrid(*[torch.arange(n, dtype=torch.float32) for n in shape], indexing="ij"))


def sample(maps: torch.Tensor, positions: torch.Tensor, outside: str = "zeros") -> torch.Tensor:
    """Values of (C, X, Y, Z) maps at (3, X', Y', Z') positions in voxels, linear.

    outside: what lies beyond the maps, "zeros" or "border" (repeated).
    """
    size = torch.tensor(maps.shape[1:], dtype=torch.float32).view(3, 1, 1, 1)
    grid = (2 * positions / (size - 1) - 1).permute(1, 2, 3, 0).flip(-1)
    return F.grid_sample(maps[None], grid[None], padding_mode=outside, align_corners=True)[0]


def random_anatomy(rng: np.random.Generator) -> Anatomy:
    """A healthy subject: deformed template, then folds of its own where the average brain is undecided."""
    template = load_template()
    matrix = random_affine(rng)
    positions = grid_of(SHAPE) + random_displacement(rng, template)
    positions = torch.einsum("ij,jxyz->ixyz", matrix[:, :3], positions) + matrix[:, 3].view(3, 1, 1, 1)
    csf, gm, wm, brain, deep = sample(template.maps, positions).numpy()
    brain_mask = brain + 0.06 * smooth_noise(rng, 7) > 0.5
    return _refold(rng, csf, gm, wm, deep, brain_mask)


def _refold(
    rng: np.random.Generator,
    csf: FloatArray,
    gm: FloatArray,
    wm: FloatArray,
    deep: FloatArray,
    brain_mask: BoolArray,
) -> Anatomy:
    """Give the subject sulci: sheets of CSF lined with grey matter, where the template's cortex is a blur.

    The template is the mean of 152 brains, so its tissue fractions are probabilities; a random field with the
    shape of folds decides between tissues where they are near one another and changes nothing elsewhere.
    """
    field = smooth_noise(rng, rng.uniform(15, 19))
    slope = np.sqrt(sum(g**2 for g in np.gradient(field, SPACING_MM))) + 0.03
    distance_mm = np.abs(field) / slope  # to the nearest sheet, to first order
    thickness_mm = rng.normal(3.2, 0.3)
    width_mm = rng.uniform(0.9, 1.6)
    cortex = 1 - deep
    sharpness = 1.6
    floor = 2e-3
    bias_csf = cortex * np.clip(2.0 * (width_mm - distance_mm), -1.5, 2.6)
    bias_wm = cortex * np.clip(1.0 * (distance_mm - thickness_mm), -1.8, 1.8)
    logits = np.stack([np.log(csf + floor) + bias_csf, np.log(gm + floor), np.log(wm + floor) + bias_wm])
    fractions = torch.softmax(torch.from_numpy(sharpness * logits), dim=0).numpy() * brain_mask
    return Anatomy(fractions[0], fractions[1], fractions[2], deep, brain_mask)
