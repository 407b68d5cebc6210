"""Fitted components on disk: trained once, shared by the methods that build on them, loaded ever after."""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bench.component import Component, ComponentConfig
from bench.errors import BenchError
from bench.files import write_text

if TYPE_CHECKING:
    from bench.context import FitContext

WEIGHTS = "weights.safetensors"
CARD = "card.json"

ComponentT = TypeVar("ComponentT", bound=Component[Any])


class Card(BaseModel):
    """Says what a fitted component is and how it came about; kept beside its weights."""

    model_config = ConfigDict(extra="forbid")

    key: str
    component: str
    version: int
    config: dict[str, Any]
    dataset: str
    training_fingerprint: str
    channels: list[str]
    seed: int
    upstream: str | None
    command: str
    machine: str
    torch: str
    precision: str = "float32"
    parameters: int
    fit_s: float
    numbers: dict[str, float]


def shipped_folder() -> Path | None:
    """The components that come with the package: bench/weights when installed, weights/ in a checkout."""
    package = Path(__file__).parents[1]
    return next((f for f in (package / "weights", package.parent / "weights") if f.is_dir()), None)


def component_key(
    component: type[Component[Any]],
    config: ComponentConfig,
    context: "FitContext",
    upstream: Component[Any] | None,
) -> str:
    """Identity of a fitted component: hash of all that shapes its weights."""
    parts = {
        "component": component.name,
        "version": component.version,
        "config": config.model_dump(mode="json"),
        "training_fingerprint": context.training_fingerprint,
        "channels": list(context.channels),
        "seed": context.seed,
        "upstream": upstream.key if upstream else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass
class Store:
    """Components by key: first the workspace's own, then the shipped ones (never written to), else trained.

    cards: the cards of all components given out so far, by key. places: their folders.
    fitting_s: seconds spent in `fitted` so far, training and loading.
    """

    folder: Path
    shipped: Path | None = field(default_factory=shipped_folder)
    cards: dict[str, Card] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    fitting_s: float = 0.0

    def fitted(
        self,
        component: type[ComponentT],
        config: ComponentConfig,
        context: "FitContext",
        upstream: Component[Any] | None,
    ) -> ComponentT:
        """The component of this identity. A fresh one is loaded back from its file too, so that it gives the
        same maps now as later. Raises BenchError naming the folder when the files are damaged."""
        start = time.perf_counter()
        key = component_key(component, config, context, upstream)
        name = f"{component.name}-{key[:12]}"
        layers = [layer / name for layer in (self.folder, self.shipped) if layer is not None]
        place = next((folder for folder in layers if folder.exists()), None)
        if place is None:
            place = self.folder / name
            self._train(place, key, component, config, context, upstream)
        card, state = _load(place, key)
        try:
            found = component.restore(config, state, context.device, upstream)
        except (KeyError, RuntimeError, ValueError) as error:
            raise BenchError(f"{place} does not fit this version of bench: remove the folder to train anew.") from error
        found.key = key
        self.cards[key], self.places[key] = card, place
        self.fitting_s += time.perf_counter() - start
        return found

    def _train(
        self,
        place: Path,
        key: str,
        component: type[ComponentT],
        config: ComponentConfig,
        context: "FitContext",
        upstream: Component[Any] | None,
    ) -> None:
        checkpoints = self.folder / f".training-{place.name}"
        checkpoints.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        trained = component.train(
            config,
            context.train,
            context.validation,
            replace(context, checkpoint_folder=checkpoints),
            upstream,
        )
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.state().items()}
        card = Card(
            key=key,
            component=component.name,
            version=component.version,
            config=config.model_dump(mode="json"),
            dataset=context.dataset,
            training_fingerprint=context.training_fingerprint,
            channels=list(context.channels),
            seed=context.seed,
            upstream=upstream.key if upstream else None,
            command=_command(),
            machine=machine(context.device),
            torch=torch.__version__,
            parameters=sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point()),
            fit_s=round(time.perf_counter() - start, 1),
            numbers=trained.numbers(),
        )
        _write(place, card, state)
        shutil.rmtree(checkpoints, ignore_errors=True)

    def ship(self, folder: Path) -> list[Path]:
        """Copy the components this store gave out to `folder` in half precision; gives their new folders."""
        shipped = []
        for key, source in self.places.items():
            card, state = _load(source, key)
            half = {name: _half(tensor) for name, tensor in state.items()}
            place = folder / source.name
            if place.exists():
                shutil.rmtree(place)
            _write(place, card.model_copy(update={"precision": "float16"}), half)
            shipped.append(place)
        return shipped


def _write(place: Path, card: Card, state: dict[str, torch.Tensor]) -> None:
    """Fill a folder beside `place`, then rename it: a killed process leaves no half component."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        temporary.chmod(0o755)
        save_file(state, temporary / WEIGHTS)
        write_text(temporary / CARD, card.model_dump_json(indent=2) + "\n")
        try:
            temporary.replace(place)
        except OSError:
            if not (place / CARD).exists():  # otherwise another process was first, and its result is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load(place: Path, key: str) -> tuple[Card, dict[str, torch.Tensor]]:
    """Card and weights of a folder, half precision widened to float32."""
    try:
        card = Card.model_validate_json((place / CARD).read_text(encoding="utf-8"))
        state = load_file(place / WEIGHTS)
    except (OSError, ValidationError, ValueError, SafetensorError) as error:
        raise BenchError(
            f"The component in {place} is damaged or incomplete: remove the folder to train anew."
        ) from error
    if card.key != key:
        raise BenchError(f"The card in {place} belongs to another component: remove the folder to train anew.")
    return card, {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in state.items()}


def _half(tensor: torch.Tensor) -> torch.Tensor:
    """float16 where the values survive it: small tensors and large values stay as they are."""
    if tensor.dtype != torch.float32 or tensor.numel() < 64 or tensor.abs().max() > 6e4:
        return tensor
    return tensor.half()


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def machine(device: str) -> str:
    """The machine in words, such as "2-core CPU machine" or the GPU's name."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()}-core CPU machine ({platform.machine()})"
