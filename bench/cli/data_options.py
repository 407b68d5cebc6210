"""Options that say which scans: the dataset, its folders, its simulated lesions."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.errors import BenchError
from datasets.lesions import sets

if TYPE_CHECKING:
    from datasets.lesions.settings import LesionSettings
    from datasets.settings import DatasetSettings

DATA = "Data"
LESIONS = "Simulated lesions"


@dataclass(frozen=True)
class LesionOptions:
    """How lesions are put into healthy test cases."""

    lesion_set: Annotated[
        str,
        typer.Option(metavar=f"<{'|'.join(sets.NAMES)}>", help=f"{sets.HELP}.", rich_help_panel=LESIONS),
    ] = "paper"
    lesions: Annotated[
        str, typer.Option("--lesions", help="Which lesion generator puts them in.", rich_help_panel=LESIONS)
    ] = sets.DEFAULT_GENERATOR
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
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="KEY=VALUE", help="Any other setting of the dataset.", rich_help_panel=DATA),
    ] = None


@dataclass(frozen=True)
class DataOptions(TrainingDataOptions):
    """Which dataset to learn from and to test on."""

    cases: Annotated[int | None, typer.Option(min=1, help="Only the first N test cases.", rich_help_panel=DATA)] = None


# option -> field of the dataset's settings, where their names differ
FIELDS = {
    "dataset_seed": "seed",
    "lesion_set": "lesions.set",
    "lesions": "lesions.generator",
    "lesion_atlas": "lesions.atlas",
    "lesion_load_ml": "lesions.lesion_load_ml",
    "soft_fwhm_mm": "lesions.soft_fwhm_mm",
}


def dataset_settings(preset: str, data: TrainingDataOptions, lesions: LesionOptions | None = None) -> "DatasetSettings":
    """The settings of the chosen dataset.

    An option counts as given when it differs from its default. BenchError that names the option, field or value, for
    one that the dataset does not read or take.
    """
    from bench.settings import settings_of
    from datasets.load import DATASETS, dataset_settings

    reads = settings_of(DATASETS.get(data.dataset).Settings)
    chosen = _given(data) | (_given(lesions) if lesions else {})
    values: dict[str, object] = {}
    for option, value in chosen.items():
        field = FIELDS.get(option, option)
        if field not in reads:
            raise BenchError(f"The dataset {data.dataset} does not read --{option.replace('_', '-')}: leave it out.")
        values[field] = value
    values |= _pairs(data.data or [])
    if "preset" in reads:
        values.setdefault("preset", preset)  # otherwise it is the methods' alone
    return dataset_settings(data.dataset, _nested(values))


def lesion_settings(lesions: LesionOptions) -> "LesionSettings":
    """The settings of lesions alone; raises BenchError that names a wrong field."""
    from bench.settings import validated
    from datasets.lesions.settings import LesionSettings

    values = {FIELDS[option].removeprefix("lesions."): value for option, value in _given(lesions).items()}
    return validated(LesionSettings, values, "simulated lesions")


def _given(options: TrainingDataOptions | LesionOptions) -> dict[str, object]:
    """Option -> value of those that differ from their default."""
    values = {field.name: (getattr(options, field.name), field.default) for field in fields(options)}
    apart = ("dataset", "data")  # no fields of their own
    return {name: value for name, (value, default) in values.items() if value != default and name not in apart}


def _pairs(pairs: Sequence[str]) -> dict[str, object]:
    """`["lesions.enhancement=2"]` as `{"lesions.enhancement": "2"}`."""
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BenchError(f"--data {pair} should read key=value, such as --data lesions.enhancement=2.")
        values[key.strip()] = value.strip()
    return values


def _nested(values: dict[str, object]) -> dict[str, object]:
    """Dotted keys as nested mappings."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return nested
