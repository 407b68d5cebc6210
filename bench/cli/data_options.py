"""Options that say which scans: the dataset, its folders, its simulated lesions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from datasets.settings import DatasetSettings

DATA = "Data"
LESIONS = "Simulated lesions"


@dataclass(frozen=True)
class LesionOptions:
    """How lesions are put into healthy test cases."""

    lesion_set: Annotated[
        Literal["paper", "plain", "soft", "none"],
        typer.Option(
            help="paper: enhanced; plain: not enhanced; soft: without noise and sharp edges; none: healthy test cases.",
            rich_help_panel=LESIONS,
        ),
    ] = "paper"
    lesion_atlas: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of real lesion masks, instead of made ones.", rich_help_panel=LESIONS),
    ] = None
    lesion_load_ml: Annotated[
        float, typer.Option(help="Volume of all lesions of a case, in ml.", rich_help_panel=LESIONS)
    ] = 20.0
    soft_fwhm_mm: Annotated[
        float | None,
        typer.Option(help="Edge width of the soft set; estimated if not given.", rich_help_panel=LESIONS),
    ] = None

    def fields(self) -> dict[str, Any]:
        """As fields of the simulator's settings."""
        return {
            "set": self.lesion_set,
            "atlas": absolute(self.lesion_atlas),
            "lesion_load_ml": self.lesion_load_ml,
            "soft_fwhm_mm": self.soft_fwhm_mm,
        }


@dataclass(frozen=True)
class TrainingDataOptions:
    """Which dataset to learn from."""

    dataset: Annotated[str, typer.Option(help="See `bench datasets`.", rich_help_panel=DATA)] = "phantom"
    root: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of your scans.", rich_help_panel=DATA)] = None
    train_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Healthy scans to learn from, if --root has patients only.", rich_help_panel=DATA
        ),
    ] = None
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CBCL table (dataset cohort).", rich_help_panel=DATA)
    ] = None
    align: Annotated[
        Literal["auto", "none", "affine"],
        typer.Option(help="auto: align brains that lie elsewhere than the training brains.", rich_help_panel=DATA),
    ] = "auto"
    dataset_seed: Annotated[
        int, typer.Option(min=0, help="Seed of phantom, split and simulated lesions.", rich_help_panel=DATA)
    ] = 0

    def fields(self) -> dict[str, Any]:
        """As fields of the dataset's settings."""
        return {
            "name": self.dataset,
            "root": absolute(self.root),
            "train_root": absolute(self.train_root),
            "table": absolute(self.table),
            "align": self.align,
            "seed": self.dataset_seed,
        }


@dataclass(frozen=True)
class DataOptions(TrainingDataOptions):
    """Which dataset to learn from and to test on."""

    cases: Annotated[int | None, typer.Option(min=1, help="Only the first N test cases.", rich_help_panel=DATA)] = None

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "cases": self.cases}


def dataset_settings(
    workspace: Path, preset: str, data: TrainingDataOptions, lesions: LesionOptions | None = None
) -> "DatasetSettings":
    """The dataset's settings with absolute folders; raises BenchError that names a wrong field."""
    fields = {**data.fields(), "preset": preset, "lesions": lesions.fields() if lesions else {}}
    return _validated({"cache_folder": absolute(workspace / "datasets"), **fields})


def lesion_settings(lesions: LesionOptions) -> Any:
    """The simulator's settings; raises BenchError that names a wrong field."""
    return _validated({"lesions": lesions.fields()}).lesions


def _validated(fields: dict[str, Any]) -> "DatasetSettings":
    from pydantic import ValidationError

    from bench.runs.presets import explain
    from datasets.settings import DatasetSettings

    try:
        return DatasetSettings.model_validate(fields)
    except ValidationError as error:
        raise BenchError(explain(error, DatasetSettings)) from error


def absolute(path: Path | None) -> Path | None:
    """Made absolute, so that another command finds it from another folder."""
    return path and path.expanduser().absolute()
