"""The mean map of healthy cases, and maps set against it.

Every reconstruction misses fine anatomy: cortex and edges differ from it in healthy brains, too, and more than most
lesions do. How much more than healthy brains differ at the same place is the question, so maps are divided by the
healthy mean. (The paper does not do this; 0 healthy cases is the paper's map.)
"""

from abc import abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from pydantic import Field, JsonValue, field_serializer, model_validator

from bench.blur import blurred_inside
from bench.component import AnyComponent, Component, ComponentConfig, FitContext
from bench.detector import MethodConfig
from bench.errors import BenchError
from datasets.case import Case, FloatArray
from methods.parts.smoothing import grown, halved, local_mean

SMOOTHING_VOXELS = 1.5  # of the mean map: a few cases then suffice
SMALLEST_SD = 0.1  # of signed differences, as a share of the whole brain's
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
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].get_default() for name in self.not_in_raw_map})


class ResidualConfig(RelativeConfig):
    """Settings of a method whose map is the difference of an image to its reconstruction."""

    added_later: ClassVar[frozenset[str]] = frozenset({"signed_mm"})

    signed_mm: float | None = Field(
        None,
        ge=0,
        le=20,
        description="none: absolute differences (paper); a number: signed ones, blurred with this sigma in mm, then "
        "counted in healthy standard deviations from the healthy mean of the place (ours)",
    )

    @model_validator(mode="after")
    def _deviations_are_known(self) -> Self:
        if self.signed_mm is not None and self.healthy_cases < 2:
            raise ValueError("signed_mm counts in healthy standard deviations: set healthy_cases to 2 or more")
        return self


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
    with. Of signed raw maps, (C, X, Y, Z), it is the mean and the standard deviation.
    """

    def __init__(self, config: HealthyMeanConfig[MethodT], mean: FloatArray, sd: FloatArray | None = None) -> None:
        self.config = config
        self.mean = mean
        self.sd = sd

    @staticmethod
    @abstractmethod
    def raw_map(config: MethodT, model: ModelT, seed: int, case: Case, /) -> FloatArray:
        """The method's map before it is set against the mean: (X, Y, Z) float32, zero outside the brain.

        Or signed differences: (C, X, Y, Z), see `methods.parts.difference.residual_map`.
        """

    @classmethod
    def train(cls, config: HealthyMeanConfig[MethodT], context: FitContext, upstream: ModelT) -> Self:
        count = np.zeros(context.train[0].brain_mask.shape)
        total, squares = np.zeros(()), np.zeros(())
        cases = min(config.cases, len(context.train))
        with context.progress("mean map of healthy cases", cases) as tick:
            for case in (context.train[index] for index in range(cases)):
                raw = cls.raw_map(config.method, upstream, context.seed, case).astype(float) * case.brain_mask
                total, squares = total + raw, squares + raw**2
                count += case.brain_mask
                tick()
        mean = local_mean(total, count, SMOOTHING_VOXELS, PRIOR_CASES)
        if total.ndim == count.ndim:
            return cls(config, np.maximum(mean, 1e-6).astype(np.float32))
        variance = local_mean(squares, count, SMOOTHING_VOXELS, PRIOR_CASES) - mean**2
        overall = variance[:, count > 0].mean(axis=1)[:, None, None, None]
        sd = np.sqrt(np.maximum(variance, SMALLEST_SD**2 * overall + 1e-12))
        return cls(config, mean.astype(np.float32), sd.astype(np.float32))

    def state(self) -> dict[str, torch.Tensor]:
        shape = torch.tensor(self.mean.shape[-3:])
        if self.sd is not None:
            mean, sd = (halved(torch.from_numpy(volumes), whole=True) for volumes in (self.mean, self.sd))
            return {"mean": mean, "sd": sd, "shape": shape}
        return {"mean": halved(torch.from_numpy(self.mean)[None], whole=True)[0], "shape": shape}

    @classmethod
    def restore(
        cls, config: HealthyMeanConfig[MethodT], state: dict[str, torch.Tensor], device: str, upstream: ModelT
    ) -> Self:
        x, y, z = (int(edge) for edge in state["shape"])
        if "sd" in state:
            mean, sd = (grown(state[name].float(), (x, y, z)).numpy() for name in ("mean", "sd"))
            return cls(config, mean, sd)
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
        mean, sd = (self.healthy.mean, self.healthy.sd) if self.healthy else (None, None)
        return finished_map(case, raw, mean, self.config.smoothing_mm, sd)


def finished_map(
    case: Case,
    raw: FloatArray,
    healthy_mean: FloatArray | None,
    smoothing_mm: float,
    healthy_sd: FloatArray | None = None,
) -> FloatArray:
    """The map divided by the healthy mean, if there is one, then blurred inside the brain; (X, Y, Z) float32.

    Signed raw maps, (C, X, Y, Z), which come with a healthy standard deviation, are counted in it from the mean, and
    joined by the Euclidean norm over channels. BenchError when the case lies on another grid than the healthy ones.
    """
    inside = case.brain_mask.astype(np.float32)
    if healthy_mean is not None:
        grid, healthy_grid = raw.shape[-3:], healthy_mean.shape[-3:]
        if grid != healthy_grid:
            raise BenchError(
                f"{case.id} has a grid of {grid} voxels, but the healthy mean was taken on "
                f"{healthy_grid}: prepare both with the same settings."
            )
        raw = raw / healthy_mean if healthy_sd is None else np.linalg.norm((raw - healthy_mean) / healthy_sd, axis=0)
    raw = raw * inside
    if smoothing_mm > 0:
        raw = blurred_inside(raw, inside, smoothing_mm / np.array(case.spacing_mm)) * inside
    return raw.astype(np.float32, copy=False)
