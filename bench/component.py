"""A trained part with its own config: score model, patch flow, autoencoder, mixture, intensity moments."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import torch

    from bench.context import FitContext
    from datasets.case import Cases


class ComponentConfig(BaseModel):
    """Settings of a component: every field has a default, bounds and a description with its unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)


C = TypeVar("C", bound=ComponentConfig)


class Component(ABC, Generic[C]):
    """A trained part, kept in the store as named tensors (safetensors) with its config (JSON).

    `name` and `version` are part of its key in the store: raise the version when the code changes what
    training gives. `network_evaluations` counts forward passes on one case-sized volume, for the cost
    columns.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    config: C
    key: str = ""
    network_evaluations: int = 0

    @classmethod
    @abstractmethod
    def train(
        cls,
        config: C,
        train: "Cases",
        validation: "Cases",
        context: "FitContext",
        upstream: "Component[Any] | None",
    ) -> Self:
        """Learn from healthy cases. `upstream` is the component this one builds on, already trained."""

    @abstractmethod
    def state(self) -> "dict[str, torch.Tensor]":
        """All that training learned, as named tensors."""

    @classmethod
    @abstractmethod
    def restore(
        cls,
        config: C,
        state: "dict[str, torch.Tensor]",
        device: str,
        upstream: "Component[Any] | None",
    ) -> Self:
        """The inverse of `state`, on a device such as "cpu" or "cuda"."""

    def numbers(self) -> dict[str, float]:
        """Figures of the training worth keeping on the card, such as the final validation loss."""
        return {}
