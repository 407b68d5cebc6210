"""The interface a contributor meets: learn from healthy cases, give every voxel an anomaly score."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, cast

from typing_extensions import TypeVar

from bench.component import FitContext
from bench.interface import refuse_old_interface, type_arguments
from bench.settings import GrowingSettings
from datasets.case import Case, Cases, FloatArray

__all__ = ["Case", "Cases", "Detector", "FitContext", "FloatArray", "MethodConfig", "MethodInfo"]


@dataclass(frozen=True)
class MethodInfo:
    """What the tables and docs say of a method. `baseline` marks trivial ones; `paper_row` names its row in
    the paper's Table 1."""

    name: str
    title: str
    reference: str
    baseline: bool = False
    paper_row: str | None = None


class MethodConfig(GrowingSettings):
    """Settings of a method: every field has a default (the paper's value), bounds and a description."""


ConfigT_co = TypeVar("ConfigT_co", bound=MethodConfig, covariant=True, default=MethodConfig)


class Detector(ABC, Generic[ConfigT_co]):
    """An anomaly detector. The harness does the rest: data, masks, thresholds, metrics, files, progress.

    `class ZScore(Detector[ZScoreConfig])` names its settings; a method without any leaves the brackets away. A
    module's class with an `info` of its own is found by `bench`; nothing else has to be told of it.

    Attributes:
        info: what the tables and docs say of it.
        Config: the class of its settings, as named in the brackets.
        config: its settings.
    """

    info: ClassVar[MethodInfo]
    Config: ClassVar[type[MethodConfig]] = MethodConfig

    config: ConfigT_co

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        refuse_old_interface(cls, "fit")
        (config,) = type_arguments(cls, Detector) or (None,)
        if isinstance(config, type) and "Config" not in vars(cls):
            cls.Config = config

    def __init__(self, config: ConfigT_co | None = None) -> None:
        self.config = config if config is not None else cast(ConfigT_co, self.Config())

    @classmethod
    def contract_config(cls) -> ConfigT_co:
        """Settings for the contract test: the smallest budget that runs every step, seconds on one core."""
        return cast(ConfigT_co, cls.Config())

    def skip(self, context: FitContext) -> str | None:
        """Why the method cannot run here, such as "it needs T1w and T2w images"; None when it can.

        Asked before `fit`, so it must be cheap: look at `context.channels`, `context.device` and `self.config`.
        """
        return None

    @abstractmethod
    def fit(self, context: FitContext) -> None:
        """Learn from healthy cases.

        Args:
            context: `context.train` and `context.validation` are the cases, whose lesion masks are None here;
                `context.fitted` fetches or trains parts that are slow to make.
        """

    @abstractmethod
    def score(self, case: Case) -> FloatArray:
        """How anomalous each voxel of a case is.

        Args:
            case: `case.image` is (C, X, Y, Z) float32 in [-1, 1] with background exactly -1; simulated lesions may
                lie beyond, in [-1.5, 1.5].

        Returns:
            (X, Y, Z) float32, higher = more anomalous, finite inside the brain.
        """
