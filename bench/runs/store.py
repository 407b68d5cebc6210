"""Fitted components on disk: trained once, shared by the methods that build on them, loaded ever after."""

import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bench.component import AnyComponent, Component, ComponentConfig, ComponentT, FitContext, Fitted
from bench.errors import BenchError
from bench.files import write_text
from bench.interface import type_arguments
from bench.runs.shipped import CARD, WEIGHTS, shipped_folder
from bench.temporary import TRAINING, temporary_path
from leaderboard.sharing import without_folders


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
    sha256: str | None = Field(None, description="of the weights' file; None in older cards")
    figures: dict[str, float] = Field(validation_alias=AliasChoices("figures", "numbers"))  # "numbers": older cards
    speed: dict[str, float] = Field(default_factory=dict, description="of the training: examples a second, GPU use")


def component_key(
    component: type[AnyComponent],
    config: ComponentConfig,
    context: FitContext,
    upstream: AnyComponent | None,
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


@dataclass(frozen=True)
class Store:
    """Trained parts by key: first the workspace's own, then the shipped ones (never written to), else trained now."""

    folder: Path
    shipped: Path | None = field(default_factory=shipped_folder)

    def fitted(
        self,
        component: type[ComponentT],
        config: ComponentConfig,
        context: FitContext,
        upstream: AnyComponent | None,
    ) -> Fitted[ComponentT]:
        """The part of this identity. A fresh one is loaded back from its file too, so that it gives the same maps
        now as later. Raises BenchError naming the folder when the files are damaged."""
        start = time.perf_counter()
        check_upstream(component, upstream)
        key = component_key(component, config, context, upstream)
        name = f"{component.name}-{key[:12]}"
        layers = [layer / name for layer in (self.folder, self.shipped) if layer is not None]
        place = next((folder for folder in layers if folder.exists()), None)
        if not context.together.agreed(place is not None):
            place = self.folder / name
            with _alone(place, context):
                if context.together.agreed(not place.exists()):
                    self._train(place, key, component, config, context, upstream)
        assert place is not None
        card, state = load_part(place, key)
        try:
            found = component.restore(config, state, context.device, upstream)
        except (KeyError, RuntimeError, ValueError) as error:
            raise BenchError(f"{place} does not fit this version of bench: remove the folder to train anew.") from error
        found.key = key
        return Fitted(found, place, card.parameters, card.fit_s, spent_s=time.perf_counter() - start)

    def _train(
        self,
        place: Path,
        key: str,
        component: type[ComponentT],
        config: ComponentConfig,
        context: FitContext,
        upstream: AnyComponent | None,
    ) -> None:
        checkpoints = self.folder / f"{TRAINING}{place.name}"
        checkpoints.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        trained = component.train(config, replace(context, checkpoint_folder=checkpoints), upstream)
        if context.together.rank:  # that of rank 0 writes; all have the same weights
            context.together.agreed(True)
            return
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
            figures=dict(trained.figures),
            speed=dict(trained.speed),
        )
        _write(place, card, state)
        shutil.rmtree(checkpoints, ignore_errors=True)
        context.together.agreed(True)


@contextmanager
def _alone(place: Path, context: FitContext) -> Iterator[None]:
    """Wait as long as another command trains this part; the lock ends with the process that holds it.

    Of several processes that train as one, that of rank 0 holds it.
    """
    if context.together.rank:
        yield
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.with_name(f".training-{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        context.reporter.say(f"another command trains {place.name}: waiting for it")
        lock.acquire()
    try:
        yield
        Path(lock.lock_file).unlink(missing_ok=True)  # nobody trains it again
    finally:
        lock.release()


def check_upstream(component: type[AnyComponent], upstream: AnyComponent | None) -> None:
    """BenchError when a part is to be built on another one than its class names."""
    wanted = (*type_arguments(component, Component)[1:], None)[0] or type(None)
    if isinstance(wanted, type) and not isinstance(upstream, wanted):
        given, named = (kind.__name__ if kind is not type(None) else "nothing" for kind in (type(upstream), wanted))
        raise BenchError(
            f"{component.__name__} builds on {named}, not on {given}: mend `upstream=` in context.fitted, or the "
            "brackets of its class."
        )


def ship(parts: Iterable[Fitted[AnyComponent]], folder: Path) -> list[Path]:
    """Copy trained parts to `folder` in half precision; gives their new folders."""
    shipped = []
    for part in parts:
        card, state = load_part(part.folder, part.component.key)
        half = {name: _half(tensor) for name, tensor in state.items()}
        place = folder / part.folder.name
        if place.exists():
            shutil.rmtree(place)
        _write(place, card.model_copy(update={"precision": "float16"}), half)
        shipped.append(place)
    return shipped


def _write(place: Path, card: Card, state: dict[str, torch.Tensor]) -> None:
    """Fill a folder beside `place`, then rename it: a killed process leaves no half component."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(place)
    temporary.mkdir()
    try:
        save_file(state, temporary / WEIGHTS)
        card = card.model_copy(update={"sha256": _sha256(temporary / WEIGHTS)})
        write_text(temporary / CARD, card.model_dump_json(indent=2) + "\n")
        try:
            temporary.replace(place)
        except OSError:
            if not (place / CARD).exists():  # otherwise another process was first, and its result is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_part(place: Path, key: str | None = None) -> tuple[Card, dict[str, torch.Tensor]]:
    """Card and weights of a folder, half precision widened to float32. BenchError when damaged, or not of this key."""
    try:
        card = Card.model_validate_json((place / CARD).read_text(encoding="utf-8"))
        if card.sha256 is not None and card.sha256 != _sha256(place / WEIGHTS):
            raise ValueError(f"{WEIGHTS} is not the file that was written")
        state = load_file(place / WEIGHTS)
    except (OSError, ValidationError, ValueError, SafetensorError) as error:
        raise BenchError(
            f"The component in {place} is damaged or incomplete: remove the folder to train anew."
        ) from error
    if key is not None and card.key != key:
        raise BenchError(f"The card in {place} belongs to another component: remove the folder to train anew.")
    return card, {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in state.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _half(tensor: torch.Tensor) -> torch.Tensor:
    """float16 where the values survive it: small tensors and large values stay as they are."""
    if tensor.dtype != torch.float32 or tensor.numel() < 64 or tensor.abs().max() > 6e4:
        return tensor
    return tensor.half()


def _command() -> str:
    """The command as typed, but for the folders of absolute paths: a card goes with its part to other people."""
    program = Path(sys.argv[0]).name
    return " ".join(without_folders(word) for word in ("bench" if program == "__main__.py" else program, *sys.argv[1:]))


def machine(device: str) -> str:
    """The machine in words, such as "2-core CPU machine" or the GPU's name."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()}-core CPU machine ({platform.machine()})"
