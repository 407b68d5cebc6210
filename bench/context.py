"""What the harness gives a method while it fits: data identity, seed, device, progress, fitted components."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.component import Component, ComponentConfig
from bench.reporting import Reporter, Tick
from datasets.case import Cases

if TYPE_CHECKING:
    from bench.runs.store import Store


ComponentT = TypeVar("ComponentT", bound=Component[Any])


@dataclass
class FitContext:
    """Handed to `Detector.fit`; keep it on self if `score` needs the seed or the device.

    seed: the run's seed; draw from `bench.seeds` with words of your own.
    device: "cpu" or "cuda".
    dataset: name of the dataset, for the cards of fitted components.
    checkpoint_folder: where a component being trained may keep what it needs to resume; None for no resuming.
    """

    train: Cases
    validation: Cases
    channels: tuple[str, ...]
    training_fingerprint: str
    seed: int
    device: str
    store: "Store"
    reporter: Reporter
    dataset: str = ""
    checkpoint_folder: Path | None = None
    components: list[Component[Any]] = field(default_factory=list)

    def fitted(
        self, component: type[ComponentT], config: ComponentConfig, upstream: Component[Any] | None = None
    ) -> ComponentT:
        """The component trained with this config on this data: from the store, or trained now and kept."""
        found = self.store.fitted(component, config, self, upstream)
        self.components.append(found)
        return found

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Tick]:
        """Show a bar with time left: `with context.progress("score model", steps) as tick: ... tick()`."""
        with self.reporter.task(description, total) as tick:
            yield tick
