"""Healthy mean and standard deviation of a local image feature, voxel by voxel over the training cases."""

from typing import Self

import numpy as np
import torch
from pydantic import Field
from scipy import ndimage

from bench.blur import blurred_inside
from bench.component import Component, ComponentConfig, FitContext
from bench.errors import BenchError
from datasets.case import Case, FloatArray
from methods.parts.smoothing import GRID_STEP, Array, local_mean

PRIOR_CASES = 0.5  # weight of the whole brain's moments, which rule where no training brain reaches
LEAST_WEIGHT = 1e-3  # of a blur: far outside the brain features are 0


class MomentsConfig(ComponentConfig):
    """What is measured and how far its moments are smoothed."""

    high_pass_mm: float | None = Field(
        None,
        gt=0,
        le=50,
        description="None: the intensity; else the energy of what is finer than this sigma, in mm (ours)",
    )
    image_smoothing_mm: float = Field(
        0.0, ge=0, le=20, description="sigma of the Gaussian blur of the intensity, or of the energy, in mm (ours)"
    )
    moment_smoothing_mm: float = Field(
        1.0, ge=0, le=20, description="sigma of the Gaussian blur of the moments, in mm: evens out anatomy (ours)"
    )


class FeatureMoments(Component[MomentsConfig, None]):
    """Mean and standard deviation of the feature at every voxel of the prepared grid.

    mean, sd: (C, X, Y, Z) float32.
    """

    name = "moments"

    def __init__(self, config: MomentsConfig, mean: FloatArray, sd: FloatArray) -> None:
        self.config = config
        self.mean = mean
        self.sd = sd

    @classmethod
    def train(cls, config: MomentsConfig, context: FitContext, upstream: None) -> Self:
        """One pass over the training cases."""
        train = context.train
        shape = train[0].image.shape
        first, second = np.zeros(shape), np.zeros(shape)
        count = np.zeros(shape[1:])
        with context.progress("healthy moments", len(train)) as tick:
            for case in train:
                values = feature(case, config) * case.brain_mask
                first += values
                second += values.astype(np.float64) ** 2
                count += case.brain_mask
                tick()
        sigma = config.moment_smoothing_mm / np.array(train[0].spacing_mm)
        mean, sd = _moments(first, second, count, sigma)
        return cls(config, mean.astype(np.float32), sd.astype(np.float32))

    def state(self) -> dict[str, torch.Tensor]:
        """Both moments on a grid of every second voxel, and the full shape."""
        step = (slice(None), *[slice(None, None, GRID_STEP)] * 3)
        return {
            "mean": torch.from_numpy(self.mean[step].copy()),
            "sd": torch.from_numpy(self.sd[step].copy()),
            "shape": torch.tensor(self.mean.shape[1:]),
        }

    @classmethod
    def restore(cls, config: MomentsConfig, state: dict[str, torch.Tensor], device: str, upstream: None) -> Self:
        """Interpolate back to the full grid."""
        shape = tuple(state["shape"].tolist())
        return cls(config, _full_grid(state["mean"].numpy(), shape), _full_grid(state["sd"].numpy(), shape))

    def feature(self, case: Case) -> FloatArray:
        """The case's feature (C, X, Y, Z). BenchError when the training cases had another grid."""
        if case.image.shape != self.mean.shape:
            raise BenchError(
                f"{case.id} has the shape {case.image.shape} but the training cases had {self.mean.shape}: "
                "prepare both as one dataset."
            )
        return feature(case, self.config)


def feature(case: Case, config: MomentsConfig) -> FloatArray:
    """Intensity, blurred, or blurred energy (>= 0) of what is finer than `high_pass_mm`; (C, X, Y, Z) float32.

    Blurs count the brain's voxels only, so its rim does not stand out.
    """
    spacing = np.array(case.spacing_mm)
    image, brain = case.image, case.brain_mask.astype(np.float32)
    if config.high_pass_mm is not None:
        image = (image - blurred_inside(image, brain, config.high_pass_mm / spacing, LEAST_WEIGHT)) ** 2
    if config.image_smoothing_mm > 0:
        image = blurred_inside(image, brain, config.image_smoothing_mm / spacing, LEAST_WEIGHT)
    return image


def _moments(first: Array, second: Array, count: Array, sigma: Array) -> tuple[Array, Array]:
    """Mean and sd from sums over cases, blurred together, with the whole brain's moments as a weak prior."""
    mean = local_mean(first, count, sigma, PRIOR_CASES)
    variance = local_mean(second, count, sigma, PRIOR_CASES) - mean**2
    return mean, np.sqrt(np.maximum(variance, 1e-8))


def _full_grid(coarse: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Linear interpolation from every second voxel to all of `shape`, channel by channel."""
    step = [1 / GRID_STEP] * 3
    return np.stack(
        [ndimage.affine_transform(c, step, output_shape=shape, order=1, mode="nearest") for c in coarse]
    ).astype(np.float32)
