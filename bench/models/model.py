"""A model as it is used: its folder opened, its method made to score again from its trained parts."""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from bench import registry
from bench.component import AnyComponent, ComponentConfig, ComponentT, FitContext, Fitted
from bench.detector import Detector
from bench.errors import BenchError, reason
from bench.files import read_mask, read_volume
from bench.models.manifest import Manifest, Part, checksum, part_checksum, read_manifest
from bench.reporting import Reporter
from bench.runs.shipped import shipped_folder
from bench.runs.store import load_part
from bench.settings import validated
from datasets.case import NativeGrid
from datasets.preparing.preparation import Frame
from datasets.preparing.registration import MeanBrain
from datasets.scans.alignment import Home

PARTS = "parts"
TEMPLATE, TEMPLATE_MASK = "template.nii.gz", "template_mask.nii.gz"


@dataclass(frozen=True)
class Model:
    """A folder with a manifest, trained parts, and the mean of the training brains to align scans to."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Model":
        """A model whose files are what was written. BenchError for a folder that is none, or was changed."""
        manifest = read_manifest(folder)
        parts = {part.folder: part_checksum(part_folder(folder, part)) for part in manifest.parts}
        if manifest.checksum != checksum(folder, manifest) or any(
            parts[part.folder] != part.sha256 for part in manifest.parts
        ):
            raise BenchError(f"{folder} is damaged or was changed, its checksum differs: fetch or export it anew.")
        return cls(folder, manifest)

    @property
    def frame(self) -> Frame:
        """The box that scans are prepared in."""
        space = self.manifest.space
        return Frame(space.shape, None if space.affine is None else np.array(space.affine))

    @property
    def home(self) -> Home | None:
        """Where the training brains lie; None when they share no space."""
        space = self.manifest.space
        if space.lowest_mm is None or space.highest_mm is None or space.training_grid is None:
            return None
        grid = NativeGrid(space.training_grid.shape, np.array(space.training_grid.affine))
        return Home(np.array(space.lowest_mm), np.array(space.highest_mm), grid)

    @cached_property
    def mean_brain(self) -> MeanBrain:
        """The mean of training brains, that scans are aligned to."""
        return MeanBrain(read_volume(self.folder / TEMPLATE)[0], read_mask(self.folder / TEMPLATE_MASK)[0])

    def detector(self, device: str, reporter: Reporter) -> Detector:
        """The method with its trained parts, ready to score. BenchError when this bench cannot restore it."""
        manifest = self.manifest
        kind = registry.method(manifest.method)
        detector = kind(validated(kind.Config, manifest.config, f"The model {manifest.name}"))
        context = FitContext(
            train=(),
            validation=(),
            channels=manifest.channels,
            training_fingerprint=manifest.cohort.training_fingerprint,
            seed=manifest.seed,
            device=device,
            store=ModelParts(self),
            reporter=reporter,
            dataset=manifest.cohort.dataset,
        )
        if why_not := detector.skip(context):
            raise BenchError(f"The model {manifest.name} cannot run here: {why_not}")
        try:
            detector.fit(context)
        except IndexError as error:  # there are no healthy cases to look at
            raise BenchError(
                f"The method {manifest.method} learns outside of trained parts, so that no model can be made of it: "
                "let it keep what it learns by context.fitted."
            ) from error
        return detector


@dataclass(frozen=True)
class ModelParts:
    """The parts of a model, as a method asks for them in `fit`; nothing is ever trained.

    A part is known by what it is and by its settings. Settings that came in after it was trained must be at their
    defaults, which are to leave everything as it was.
    """

    model: Model

    def fitted(
        self, component: type[ComponentT], config: ComponentConfig, context: FitContext, upstream: AnyComponent | None
    ) -> Fitted[ComponentT]:
        """The part with these settings. BenchError when the model has none."""
        start = time.perf_counter()
        for part in self.model.manifest.parts:
            if part.component != component.name:
                continue
            folder = part_folder(self.model.folder, part)
            card, state = load_part(folder)
            if not agrees(card.config, config.model_dump(mode="json"), config):
                continue
            try:
                found = component.restore(config, state, context.device, upstream)
            except (KeyError, RuntimeError, ValueError) as error:
                raise BenchError(f"{folder} does not fit this version of bench ({reason(error)}).") from error
            found.key = card.key
            return Fitted(found, folder, card.parameters, card.fit_s, spent_s=time.perf_counter() - start)
        raise BenchError(
            f"The model {self.model.manifest.name} has no part {component.name} with the settings that this version of "
            "bench asks for: export it anew."
        )


def agrees(known: Any, asked: Any, value: Any) -> bool:
    """Whether a part was trained with the settings asked for, those that its card does not know at their defaults.

    Args:
        known: The settings on the card, as JSON has them.
        asked: The settings asked for, likewise.
        value: What `asked` was made of.
    """
    if not (isinstance(value, BaseModel) and isinstance(known, dict)):
        return bool(known == asked)
    fields = type(value).model_fields
    return not known.keys() - asked.keys() and all(
        agrees(known[name], asked[name], getattr(value, name))
        if name in known
        else getattr(value, name) == fields[name].get_default(call_default_factory=True)
        for name in asked
    )


def part_folder(folder: Path, part: Part) -> Path:
    """Where a part lies: in the model, or among the shipped weights. BenchError when it lies nowhere."""
    layers = [folder / PARTS, shipped_folder()]
    for layer in layers:
        if layer is not None and (layer / part.folder).is_dir():
            return layer / part.folder
    raise BenchError(f"{folder / PARTS / part.folder} is missing: fetch or export the model anew.")
