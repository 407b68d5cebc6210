"""The mean map of healthy cases, and a map set against it.

Every reconstruction misses fine anatomy: cortex and edges differ from it in healthy brains, too, and more than most
lesions do. How much more than healthy brains differ at the same place is the question, so maps are divided by the
healthy mean. (The paper does not do this; 0 healthy cases is the paper's map.)
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field

from bench.component import AnyComponent, Component, ComponentConfig, FitContext
from bench.detector import MethodConfig
from bench.errors import BenchError
from datasets.case import Case, FloatArray
from methods.parts.difference import smoothed
from methods.parts.moments import local_mean

SMOOTHING_VOXELS = 1.5  # of the mean map: a few cases then suffice
GRID_STEP = 2  # the mean is smooth, so it is kept at half resolution

RawMap = Callable[[Case], FloatArray]
"""A method's map before it is set against the healthy mean: (X, Y, Z) float32 >= 0, zero outside the brain."""


class RelativeConfig(MethodConfig):
    """Settings of a method whose maps can be set against healthy ones."""

    healthy_cases: int = Field(
        0, ge=0, description="training cases by whose mean map maps are divided; 0: not divided, as in the paper"
    )
    smoothing_mm: float = Field(0.0, ge=0, le=20, description="sigma of the Gaussian mean of the map, in mm")


def raw_settings(config: RelativeConfig) -> dict[str, Any]:
    """What shapes a method's raw map: all but what is done to it afterwards, and how many runs share a batch."""
    return config.model_dump(mode="json", exclude={"healthy_cases", "smoothing_mm", "runs_at_once"})


class HealthyMeanConfig(ComponentConfig):
    """What is averaged."""

    method: dict[str, Any] = Field({}, description="the method's own settings")
    cases: int = Field(8, ge=1, description="training cases, the first ones")


class HealthyMean(Component[HealthyMeanConfig, AnyComponent | None]):
    """Mean of a method's maps over healthy cases: (X, Y, Z) float32 > 0. A method names its maps in `raw_map`."""

    def __init__(self, config: HealthyMeanConfig, mean: FloatArray) -> None:
        self.config = config
        self.mean = mean

    @classmethod
    @abstractmethod
    def raw_map(cls, settings: dict[str, Any], upstream: AnyComponent | None, seed: int) -> RawMap:
        """The method's map with these settings, the component it builds on, and the run's seed."""

    @classmethod
    def train(cls, config: HealthyMeanConfig, context: FitContext, upstream: AnyComponent | None) -> Self:
        train = context.train
        raw_map = cls.raw_map(config.method, upstream, context.seed)
        shape = train[0].brain_mask.shape
        total, count = np.zeros(shape), np.zeros(shape)
        cases = min(config.cases, len(train))
        with context.progress("mean map of healthy cases", cases) as tick:
            for case in (train[index] for index in range(cases)):
                total += raw_map(case) * case.brain_mask
                count += case.brain_mask
                tick()
        mean = local_mean(total, count, np.full(3, SMOOTHING_VOXELS))
        return cls(config, np.maximum(mean, 1e-6).astype(np.float32))

    def state(self) -> dict[str, torch.Tensor]:
        mean = F.avg_pool3d(torch.from_numpy(self.mean)[None], GRID_STEP, ceil_mode=True)[0]
        return {"mean": mean, "shape": torch.tensor(self.mean.shape)}

    @classmethod
    def restore(
        cls, config: HealthyMeanConfig, state: dict[str, torch.Tensor], device: str, upstream: AnyComponent | None
    ) -> Self:
        size = [int(edge) for edge in state["shape"]]
        mean = F.interpolate(state["mean"].float()[None, None], size=size, mode="trilinear")[0, 0]
        return cls(config, mean.numpy())


def finished_map(case: Case, raw: FloatArray, healthy: HealthyMean | None, smoothing_mm: float) -> FloatArray:
    """The map divided by the healthy mean, if there is one, then blurred inside the brain; (X, Y, Z) float32.

    BenchError when the case lies on another grid than the healthy ones.
    """
    inside = case.brain_mask.astype(np.float32)
    if healthy is not None:
        if raw.shape != healthy.mean.shape:
            raise BenchError(
                f"{case.id} has a grid of {raw.shape} voxels, but the healthy mean was taken on "
                f"{healthy.mean.shape}: prepare both with the same settings."
            )
        raw = raw / healthy.mean
    raw = raw * inside
    if smoothing_mm > 0:
        raw = smoothed(raw, inside, smoothing_mm / np.array(case.spacing_mm))
    return raw.astype(np.float32, copy=False)
