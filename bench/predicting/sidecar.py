"""What is said of one scan beside its mask: a BIDS sidecar that says how the answer came about."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from bench.files import write_text


class _Facts(BaseModel):
    """Names of fields as BIDS writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_pascal, populate_by_name=True)


class ModelFacts(_Facts):
    """Which model gave the map."""

    name: str
    method: str
    checksum: str
    versions: dict[str, str] = Field(description="of what predicted: bench, its commit, python, torch")


class ThresholdFacts(_Facts):
    """What makes a mask of the map. It never saw a label, neither of this scan nor of any other."""

    value: float
    false_positive_rate: float = Field(description="share of healthy validation voxels above it")
    post_processing: str


class AlignmentFacts(_Facts):
    """How the scan was brought to where the training brains lie."""

    how: Literal["none", "affine", "failed"]
    why: str
    box_to_scan: list[list[float]] = Field(description="(4, 4), voxel of the model's box -> mm of the scan")


class VolumeFacts(_Facts):
    """On the scan's own grid."""

    brain_ml: float
    marked_ml: float
    components: int = Field(description="of the mask, 26 neighbours")
    largest_ml: float
    healthy_median_ml: float = Field(description="marked in healthy validation scans at this threshold")


class ImageScore(_Facts):
    """The scan as a whole. percentile: share of healthy validation scans with a lower score."""

    name: str
    value: float
    percentile: float
    healthy_scans: int


class Sidecar(_Facts):
    """All of it. stamp: of the files that went in, by which a later command sees whether they are still the same."""

    type: Literal["Lesion"] = "Lesion"
    description: str = "What is unusual to a model of healthy brains; no diagnosis, and no lesion that anybody drew."
    spatial_reference: str = "orig"
    id: str
    sources: list[str] = Field(description="names of the files that went in")
    channels: list[str]
    model: ModelFacts
    threshold: ThresholdFacts
    brain_mask: str = Field("", description="where it comes from: a file, a background removed before, deepbet")
    alignment: AlignmentFacts
    volumes: VolumeFacts
    image_score: ImageScore
    warnings: list[str] = Field(description="what makes the map hard to believe")
    seconds: float
    stamp: str

    def save(self, path: Path) -> None:
        """Write it, atomically."""
        write_text(path, self.model_dump_json(indent=2, by_alias=True) + "\n")


def read_sidecar(path: Path) -> Sidecar | None:
    """The sidecar at a path; None when there is none that can be read."""
    try:
        return Sidecar.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError):
        return None
