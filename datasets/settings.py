"""What a user chooses about a dataset; part of every fingerprint, except where folders lie."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bench.settings import AbsolutePath
from datasets.channels import Channels
from datasets.lesions.settings import LesionSettings
from datasets.shift import shift_text

CohortSize: TypeAlias = Literal["small", "medium", "paper"]
# Of a dataset that has sizes, where only a preset of methods was chosen.
SIZE_OF_PRESET: dict[str, CohortSize] = {"cpu": "small", "gpu": "medium", "paper": "paper"}


class DatasetSettings(BaseModel):
    """What the settings of every dataset are: fixed once made, without fields that nobody reads.

    A dataset's own `Settings` has a field for each option that it reads, each with a default and a description. The
    options of the command line bear the names of fields below; `--data FIELD=VALUE` sets any other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class LesionedSettings(DatasetSettings):
    """For datasets with healthy test cases, into which lesions are simulated."""

    seed: int = Field(0, description="seed of the data: phantom anatomy, random split, simulated lesions")
    lesions: LesionSettings = Field(LesionSettings(), description="how lesions are simulated in healthy test cases")
    cases: int | None = Field(None, ge=1, description="only the first N test cases; None for all")
    shift: Annotated[str, AfterValidator(shift_text)] | None = Field(
        None,
        description="change test images as another scanner would: a kind, or KIND=AMOUNT",
    )
    harmonise: bool = Field(False, description="bring the grey values of test images to those of training images")


class ScanSettings(LesionedSettings):
    """For datasets of scans that are read from disk."""

    root: AbsolutePath | None = Field(None, description="folder of the scans")
    channels: Channels | None = Field(
        None, description="contrasts to use, as T1w,FLAIR; masks lie on the first. None: those that all subjects have"
    )
    align: Literal["auto", "none", "affine"] = Field(
        "auto",
        description="auto: brains that lie elsewhere than the training brains are aligned to them; affine: all; none",
    )


def scans_folder(settings: DatasetSettings) -> Path | None:
    """The folder that a dataset's scans lie in; None where it has none."""
    root = getattr(settings, "root", None)
    return root if isinstance(root, Path) else None
