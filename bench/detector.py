"""The interface a contributor meets: learn from healthy cases, give every voxel an anomaly score."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from bench.context import FitContext
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


class MethodConfig(BaseModel):
    """Settings of a method: every field has a default (the paper's value), bounds and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Detector(ABC):
    """An anomaly detector. The harness does the rest: data, masks, thresholds, metrics, files, progress."""

    info: ClassVar[MethodInfo]
    Config: ClassVar[type[MethodConfig]] = MethodConfig

    config: Any  # an instance of the class's own Config

    def __init__(self, config: MethodConfig | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @classmethod
    def contract_config(cls) -> Any:
        """Settings for the contract test: the smallest budget that runs every step, seconds on one core."""
        return cls.Config()

    @abstractmethod
    def fit(self, train: Cases, validation: Cases, context: FitContext) -> None:
        """Learn from healthy cases; lesion masks are None here."""

    @abstractmethod
    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32 anomaly map of the case, higher = more anomalous, finite inside the brain."""
