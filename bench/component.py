"""A trained part with its own config (score model, autoencoder, moments, ...), and the context it is trained in."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeAlias

from typing_extensions import TypeVar

from bench.interface import refuse_old_interface
from bench.reporting import Reporter, Tick
from bench.settings import GrowingSettings
from bench.together import Compute, Together
from datasets.case import Cases

if TYPE_CHECKING:
    import torch


class ComponentConfig(GrowingSettings):
    """Settings of a trained part: every field has a default, bounds and a description with its unit."""


ConfigT = TypeVar("ConfigT", bound=ComponentConfig)
UpstreamT = TypeVar("UpstreamT", bound="Component[Any, Any] | None", default=None)


class Component(ABC, Generic[ConfigT, UpstreamT]):
    """A trained part, kept in the store as named tensors (safetensors) with its config (JSON).

    `class PatchDensity(Component[PatchDensityConfig, ScoreModel])` names its config, and the trained part that it
    builds on; one that builds on none leaves the second away.

    Attributes:
        name: part of its key in the store, as are `version`, the config, the training data and the upstream's key.
        version: raise it when the code changes what training gives.
        config: the settings it was trained with.
        key: its identity in the store.
        figures: of the training, kept on its card, such as the final validation loss.
        speed: of the training, kept on its card: samples a second, and how busy the GPU was.
        network_evaluations: forward passes on one case-sized volume so far, for the cost columns.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    config: ConfigT
    key: str = ""
    figures: Mapping[str, float] = {}
    speed: Mapping[str, float] = {}
    network_evaluations: int = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        refuse_old_interface(cls, "train")

    @classmethod
    @abstractmethod
    def train(cls, config: ConfigT, context: "FitContext", upstream: UpstreamT) -> Self:
        """Learn from healthy cases.

        Args:
            config: settings of the training.
            context: `context.train` and `context.validation` are the cases; lesion masks are None here.
            upstream: the trained part that this one builds on.
        """

    @abstractmethod
    def state(self) -> "dict[str, torch.Tensor]":
        """All that training learned, as named tensors."""

    @classmethod
    @abstractmethod
    def restore(cls, config: ConfigT, state: "dict[str, torch.Tensor]", device: str, upstream: UpstreamT) -> Self:
        """The inverse of `state`, on a device such as "cpu" or "cuda"."""


AnyComponent: TypeAlias = Component[Any, Any]
ComponentT = TypeVar("ComponentT", bound=AnyComponent)
FittedT_co = TypeVar("FittedT_co", bound=AnyComponent, covariant=True)


@dataclass(frozen=True)
class Fitted(Generic[FittedT_co]):
    """A trained part as the store gave it out.

    folder: where it lies. parameters: how many numbers it learned. fit_s: seconds its training took, whenever that
    was. spent_s: seconds it took to train or load it now.
    """

    component: FittedT_co
    folder: Path
    parameters: int
    fit_s: float
    spent_s: float


class Parts(Protocol):
    """Where a context finds trained parts: the store."""

    def fitted(
        self,
        component: type[ComponentT],
        config: ComponentConfig,
        context: "FitContext",
        upstream: AnyComponent | None,
    ) -> Fitted[ComponentT]:
        """The trained part of this identity, loaded, or trained now and kept."""


@dataclass
class FitContext:
    """Handed to `Detector.fit`; keep what `score` needs of it on self, such as the seed or the device.

    Attributes:
        train: healthy cases to learn from.
        validation: healthy cases to watch the training by.
        channels: of the images, such as ("T1w", "T2w").
        training_fingerprint: hash of all that shapes these cases.
        seed: the run's seed; draw from `bench.seeds` with words of your own.
        device: "cpu" or "cuda".
        store: where `fitted` finds and keeps trained parts.
        reporter: where progress and messages go.
        dataset: its name, for the cards of trained parts.
        checkpoint_folder: where a part being trained may keep what it needs to resume; None for no resuming.
        compute: how trainings use the device; changes time and memory, not what is learned.
        together: the processes that train as one; alone unless several devices were asked for.
        parts: what `fitted` gave so far.
    """

    train: Cases
    validation: Cases
    channels: tuple[str, ...]
    training_fingerprint: str
    seed: int
    device: str
    store: Parts
    reporter: Reporter
    dataset: str = ""
    checkpoint_folder: Path | None = None
    compute: Compute = field(default_factory=Compute)
    together: Together = field(default_factory=Together)
    parts: list[Fitted[AnyComponent]] = field(default_factory=list)

    def fitted(
        self, component: type[ComponentT], config: ComponentConfig, upstream: AnyComponent | None = None
    ) -> ComponentT:
        """The part trained with this config on this data: from the store, or trained now and kept.

        Args:
            component: its class.
            config: its settings.
            upstream: the trained part that it builds on.
        """
        found = self.store.fitted(component, config, self, upstream)
        self.parts.append(found)
        return found.component

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Tick]:
        """Show a bar with time left: `with context.progress("score model", steps) as tick: ... tick()`."""
        with self.reporter.task(description, total) as tick:
            yield tick
