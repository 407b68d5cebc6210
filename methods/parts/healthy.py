"""The mean map of healthy cases, and maps set against it.

Every reconstruction misses fine anatomy: cortex and edges differ from it in healthy brains, too, and more than most
lesions do. How much more than healthy brains differ at the same place is the question, so maps are divided by the
healthy mean. (The paper does not do this; 0 healthy cases is the paper's map.)
"""

from abc import abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from pydantic import Field, JsonValue, field_serializer

from bench.component import AnyComponent, Component, ComponentConfig, FitContext
from bench.detector import MethodConfig
from bench.errors import BenchError
from datasets.case import Case, FloatArray
from methods.parts.smoothing import blurred_inside, grown, halved, local_mean

SMOOTHING_VOXELS = 1.5  # of the mean map: a few cases then suffice
PRIOR_CASES = 0.5  # weight of the whole brain's mean, which rules where no training brain reaches


class RelativeConfig(MethodConfig):
    """Settings of a method whose maps can be set against healthy ones.

    Attributes:
        not_in_raw_map: settings that do not shape a map before it is set against the healthy mean, or that the
            trained part below it answers for: they are no part of the healthy mean's identity.
    """

    not_in_raw_map: ClassVar[frozenset[str]] = frozenset({"healthy_cases", "smoothing_mm"})

    healthy_cases: int = Field(
        0, ge=0, description="training cases by whose mean map maps are divided; 0: not divided (paper)"
    )
    smoothing_mm: float = Field(
        0.0, ge=0, le=20, description="sigma of the Gaussian mean of the map, in mm (paper: none)"
    )

    def raw(self) -> Self:
        """The same with the settings that are not in the raw map at their defaults."""
        return type(self).model_validate(self.model_dump(exclude=set(self.not_in_raw_map)))


MethodT = TypeVar("MethodT", bound=RelativeConfig)
ModelT = TypeVar("ModelT", bound=AnyComponent)


class HealthyMeanConfig(ComponentConfig, Generic[MethodT]):
    """What is averaged: `method` is the method's own settings, of which those that shape a raw map are kept."""

    method: MethodT
    cases: int = Field(8, ge=1, description="training cases, the first ones")

    @field_serializer("method")
    def _what_shapes_the_raw_map(self, method: MethodT) -> dict[str, JsonValue]:
        return method.model_dump(mode="json", exclude=set(method.not_in_raw_map))


class HealthyMean(Component[HealthyMeanConfig[MethodT], ModelT], Generic[MethodT, ModelT]):
    """Mean of a method's raw maps over healthy cases: (X, Y, Z) float32 > 0. A method says in `raw_map` what they are.

    `class HealthyInpainting(HealthyMean[InpaintConfig, ScoreModel])` names its settings and what its maps are made
    with.
    """

    def __init__(self, config: HealthyMeanConfig[MethodT], mean: FloatArray) -> None:
        self.config = config
        self.mean = mean

    @staticmethod
    @abstractmethod
    def raw_map(config: MethodT, model: ModelT, seed: int, case: Case, /) -> FloatArray:
        """The method's map before it is set against the mean: (X, Y, Z) float32, zero outside the brain."""

    @classmethod
    def train(cls, config: HealthyMeanConfig[MethodT], context: FitContext, upstream: ModelT) -> Self:
        shape = context.train[0].brain_mask.shape
        total, count = np.zeros(shape), np.zeros(shape)
        cases = min(config.cases, len(context.train))
        with context.progress("mean map of healthy cases", cases) as tick:
            for case in (context.train[index] for index in range(cases)):
                total += cls.raw_map(config.method, upstream, context.seed, case) * case.brain_mask
                count += case.brain_mask
                tick()
        mean = local_mean(total, count, SMOOTHING_VOXELS, PRIOR_CASES)
        return cls(config, np.maximum(mean, 1e-6).astype(np.float32))

    def state(self) -> dict[str, torch.Tensor]:
        mean = halved(torch.from_numpy(self.mean)[None], whole=True)[0]
        return {"mean": mean, "shape": torch.tensor(self.mean.shape)}

    @classmethod
    def restore(
        cls, config: HealthyMeanConfig[MethodT], state: dict[str, torch.Tensor], device: str, upstream: ModelT
    ) -> Self:
        x, y, z = (int(edge) for edge in state["shape"])
        return cls(config, grown(state["mean"].float()[None], (x, y, z))[0].numpy())


class RelativeMaps(Generic[MethodT, ModelT]):
    """A method's maps, divided by the healthy mean if its settings ask for it, and blurred inside the brain."""

    def __init__(
        self, mean: type[HealthyMean[MethodT, ModelT]], config: MethodT, model: ModelT, context: FitContext
    ) -> None:
        self.raw_map = mean.raw_map
        self.config, self.model, self.seed = config, model, context.seed
        self.healthy: HealthyMean[MethodT, ModelT] | None = None
        if config.healthy_cases:
            settings: HealthyMeanConfig[MethodT] = HealthyMeanConfig(method=config.raw(), cases=config.healthy_cases)
            self.healthy = context.fitted(mean, settings, upstream=model)

    def of(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain. BenchError when the case lies on another grid."""
        raw = self.raw_map(self.config, self.model, self.seed, case)
        healthy_mean = self.healthy.mean if self.healthy else None
        return finished_map(case, raw, healthy_mean, self.config.smoothing_mm)


def finished_map(case: Case, raw: FloatArray, healthy_mean: FloatArray | None, smoothing_mm: float) -> FloatArray:
    """The map divided by the healthy mean, if there is one, then blurred inside the brain; (X, Y, Z) float32.

    BenchError when the case lies on another grid than the healthy ones.
    """
    inside = case.brain_mask.astype(np.float32)
    if healthy_mean is not None:
        if raw.shape != healthy_mean.shape:
            raise BenchError(
                f"{case.id} has a grid of {raw.shape} voxels, but the healthy mean was taken on "
                f"{healthy_mean.shape}: prepare both with the same settings."
            )
        raw = raw / healthy_mean
    raw = raw * inside
    if smoothing_mm > 0:
        raw = blurred_inside(raw, inside, smoothing_mm / np.array(case.spacing_mm)) * inside
    return raw.astype(np.float32, copy=False)
