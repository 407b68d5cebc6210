"""What a model says of itself: model.json, beside its trained parts."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.files import visible_files, write_text
from bench.runs.shipped import CARD, WEIGHTS
from datasets.fingerprint import file_hash, fingerprint

MANIFEST = "model.json"
FALSE_POSITIVE_RATES = (0.05, 0.01)  # for which every model has a threshold
FAR = 3.0  # ranges of the healthy scores

# Names become folders: nothing that would lead out of where models are kept.
FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Row = tuple[float, float, float, float]
Matrix = tuple[Row, Row, Row, Row]
Side = tuple[float, float, float]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Grid(_Facts):
    """A voxel grid: shape in voxels, and affine, voxel -> mm RAS+."""

    shape: tuple[int, int, int]
    affine: Matrix


class Space(_Facts):
    """Where and how finely the model sees brains.

    lowest_mm, highest_mm: between which values each side of the training brains' bounding boxes lies, lower sides
    first: by these a scan is known that lies elsewhere.
    """

    shape: tuple[int, int, int] = Field(description="of the box that scans are prepared in, in voxels")
    spacing_mm: float = Field(description="edge of its voxels")
    affine: Matrix | None = Field(description="its place, voxel -> mm RAS+; None: centred on each brain")
    lowest_mm: tuple[Side, Side] | None = None
    highest_mm: tuple[Side, Side] | None = None
    training_grid: Grid | None = Field(None, description="of the training scans, if they share one")
    brain_ml: tuple[float, float] = Field(description="smallest and largest training brain, in that box")


class Part(_Facts):
    """A trained part: what it is, and the name of its folder among the model's parts or the shipped weights."""

    component: str
    folder: FolderName
    sha256: str = Field(description="of its card and weights")


class Threshold(_Facts):
    """A value of the map that a share of healthy brain voxels exceeds.

    healthy_ml: what it marks in each healthy validation scan after post-processing, ascending.
    """

    false_positive_rate: float = Field(gt=0, lt=1)
    value: float
    healthy_ml: tuple[float, ...]


class Cohort(_Facts):
    """Who the model learned from. No id of anybody is in it."""

    dataset: str
    training_fingerprint: str
    train: int
    validation: int = Field(description="healthy scans that thresholds and healthy scores come from")
    description: dict[str, str] = {}
    who: str = Field("", description="they, in words")

    @property
    def learned_from(self) -> str:
        """Such as "64 healthy scans of the dataset phantom"."""
        return f"{self.train} healthy scans" + (f" ({self.who})" if self.who else f" of the dataset {self.dataset}")


class Manifest(_Facts):
    """A model. Nothing in it depends on the method: `config` is what the method's own class takes."""

    schema_version: Literal[1] = 1
    name: FolderName
    title: str
    method: str
    preset: str | None
    config: dict[str, Any] = Field(description="settings of the method")
    seed: int
    channels: tuple[str, ...]
    space: Space
    cohort: Cohort
    parts: tuple[Part, ...]
    post_processing: str = Field(description="of masks, in words")
    thresholds: tuple[Threshold, ...]
    image_score: str = Field(description="what a scan as a whole is scored by")
    healthy_scores: tuple[float, ...] = Field(description="of the healthy validation scans, ascending")
    figures: dict[str, float] = Field({}, description="of the run it was exported from, under its protocol")
    figures_of: str = Field("", description="dataset and protocol of these figures")
    licence: str
    attribution: str = Field("", description="who is to be named wherever the weights go")
    versions: dict[str, str] = Field(description="of what made it: bench, its commit, python, torch")
    created: str = Field(description="UTC, ISO 8601")
    checksum: str = Field("", description="SHA-256 over its files and the rest of this one, see `checksum`")

    def threshold(self, false_positive_rate: float) -> Threshold:
        """The one for that rate. BenchError that names those there are."""
        for one in self.thresholds:
            if one.false_positive_rate == false_positive_rate:
                return one
        there_are = ", ".join(f"{one.false_positive_rate:g}" for one in self.thresholds)
        raise BenchError(f"The model {self.name} has no threshold for --fpr {false_positive_rate:g}: take {there_are}.")

    @property
    def far_score(self) -> float:
        """A score beyond which a scan is of another kind: above the highest healthy one by thrice their range."""
        lowest, highest = self.healthy_scores[0], self.healthy_scores[-1]
        return highest + FAR * (highest - lowest)

    def percentile(self, score: float) -> float:
        """Share of the healthy scans with a lower score, in percent."""
        return 100 * sum(one < score for one in self.healthy_scores) / len(self.healthy_scores)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. BenchError when there is none, or it cannot be read."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(
            f"{folder} is no model, it has no {MANIFEST}: name a folder that `bench models` lists."
        ) from None
    except (OSError, ValidationError, ValueError) as error:
        raise BenchError(
            f"{path} is not a manifest of this version of bench: fetch or export the model anew."
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Write it with the checksum of the folder as it is; gives what was written."""
    sealed = manifest.model_copy(update={"checksum": checksum(folder, manifest)})
    write_text(folder / MANIFEST, sealed.model_dump_json(indent=1) + "\n")
    return sealed


def checksum(folder: Path, manifest: Manifest) -> str:
    """SHA-256 (64 hex digits) over names and contents of a model's files, and the manifest but for its checksum.

    Of parts, which may lie elsewhere, the manifest holds what `part_checksum` gives.
    """
    digest = hashlib.sha256(manifest.model_copy(update={"checksum": ""}).model_dump_json().encode())
    for path in visible_files(folder, "*"):
        if path.is_file() and path != folder / MANIFEST:
            digest.update(f"{path.name} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def part_checksum(folder: Path) -> str:
    """SHA-256 of a part's card and weights. BenchError when one is missing."""
    return fingerprint({name: file_hash(folder / name) for name in (CARD, WEIGHTS)})
