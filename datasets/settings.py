"""What a user chooses about a dataset; part of every fingerprint, except where folders lie."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from datasets.lesions.simulation import LesionSettings


class DatasetSettings(BaseModel):
    """Settings of `datasets.load.load_dataset`. Each loader reads the fields it needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("phantom", description="which dataset; `bench datasets` lists them")
    root: Path | None = Field(None, description="folder of the scans, for datasets that are read from disk")
    train_root: Path | None = Field(None, description="healthy folder to learn from when root holds only test subjects")
    table: Path | None = Field(None, description="table of CBCL t-scores (CSV), for the dataset cohort")
    preset: Literal["cpu", "gpu", "paper"] = Field("cpu", description="size of the phantom cohort")
    seed: int = Field(0, description="seed of the data: phantom anatomy, random split, simulated lesions")
    align: Literal["auto", "none", "affine"] = Field(
        "auto",
        description="auto: brains that lie elsewhere than the training brains are aligned to them; affine: all; none",
    )
    lesions: LesionSettings = Field(LesionSettings(), description="how lesions are simulated in healthy test cases")
    cases: int | None = Field(None, ge=1, description="only the first N test cases; None for all")
    cache_folder: Path = Field(Path(".bench/datasets"), description="where prepared cases are kept")
