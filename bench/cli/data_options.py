"""Options that say which scans: the dataset, its folders, its simulated lesions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.errors import BenchError, shortened
from datasets.lesions import sets
from datasets.option_names import FIELDS

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

    dataset: Annotated[
        str | None,
        typer.Option(help="See `bench datasets`; phantom, or bids with --root, if not given.", rich_help_panel=DATA),
    ] = None
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
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="T1w,FLAIR", help="Contrasts to use; those of all subjects if not given.", rich_help_panel=DATA
        ),
    ] = None
    align: Annotated[
        Literal["auto", "none", "affine"],
        typer.Option(help="auto: align brains that lie elsewhere than the training brains.", rich_help_panel=DATA),
    ] = "auto"
    dataset_seed: Annotated[
        int, typer.Option(min=0, help="Seed of phantom, split and simulated lesions.", rich_help_panel=DATA)
    ] = 0
    cohort_size: Annotated[
        Literal["small", "medium", "paper"] | None,
        typer.Option(help="Size of the phantom; the one that goes with --preset if not given.", rich_help_panel=DATA),
    ] = None
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="KEY=VALUE", help="Any other setting of the dataset.", rich_help_panel=DATA),
    ] = None


@dataclass(frozen=True)
class DataOptions(TrainingDataOptions):
    """Which dataset to learn from and to test on."""

    cases: Annotated[int | None, typer.Option(min=1, help="Only the first N test cases.", rich_help_panel=DATA)] = None
    shift: Annotated[
        str | None,
        typer.Option(
            metavar="KIND[=AMOUNT]",
            help="Test images as of another scanner: contrast, noise, blur, bias or mask.",
            rich_help_panel=DATA,
        ),
    ] = None
    harmonise: Annotated[
        bool,
        typer.Option("--harmonise", help="Grey values of test images as in training images.", rich_help_panel=DATA),
    ] = False


# field of LesionSettings -> which lesion sets it changes
EFFECT: dict[str, Callable[[sets.LesionSet], bool]] = {
    "atlas": lambda one: not one.healthy,
    "lesion_load_ml": lambda one: not one.healthy,
    "soft_fwhm_mm": lambda one: one.blurred,
    "enhancement": lambda one: one.enhance,
}


def dataset_settings(
    preset: str, data: TrainingDataOptions, lesions: LesionOptions | None = None, quiet: bool = False
) -> "DatasetSettings":
    """The settings of the chosen dataset.

    An option counts as given when it differs from its default. BenchError that names the option, field or value, for
    one that the dataset does not read or take, or that would change nothing.

    preset: of the methods, which says the size of a dataset that has sizes, where no other is given. quiet: not to say
    which dataset is meant where none is named.
    """
    from bench.settings import settings_of
    from datasets.settings import SIZE_OF_PRESET
    from datasets.sources import DATASETS, dataset_settings

    name = data.dataset or _dataset_of(data, quiet)
    reads = settings_of(DATASETS.get(name).Settings)
    chosen = _given(data) | (_given(lesions) if lesions else {})
    values: dict[str, object] = {}
    for option, value in chosen.items():
        field = FIELDS.get(option, option)
        if field not in reads:
            raise BenchError(f"The dataset {name} does not read --{option.replace('_', '-')}: leave it out.")
        values[field] = value
    for key, value in _pairs(data.data or []).items():
        if key in values:
            raise BenchError(f"{key} is set twice, by an option of its own and by --data {key}=...: leave one away.")
        values[key] = value
    if "cohort_size" in reads:
        values.setdefault("cohort_size", SIZE_OF_PRESET[preset])
    settings = dataset_settings(name, _nested(values))
    if lesions:
        check_effect(getattr(settings, "lesions", None), values)
    return settings


def _dataset_of(data: TrainingDataOptions, quiet: bool) -> str:
    """The dataset that is meant where none is named; said when it is not the built-in one."""
    if data.root is None and data.train_root is None and data.table is None:
        return "phantom"
    name, option = ("bids", "--root") if data.table is None else ("cohort", "--table")
    if not quiet:
        typer.echo(f"--dataset {name}, since {option} is given")
    return name


def check_effect(lesions: "LesionSettings | None", values: Mapping[str, object]) -> None:
    """BenchError for a setting of lesions that would change nothing, such as an edge width in a set with sharp edges.

    values: the settings that were given, by their field, as `lesions.soft_fwhm_mm`.
    """
    if lesions is None or lesions.generator != sets.DEFAULT_GENERATOR:
        return  # what another generator reads is its own
    for field, effective in EFFECT.items():
        if f"lesions.{field}" in values and not effective(lesions.lesion_set):
            option = next((one for one, name in FIELDS.items() if name == f"lesions.{field}"), None)
            named = f"--{option.replace('_', '-')}" if option else f"lesions.{field}"
            raise BenchError(f"{named} changes nothing in the lesion set {lesions.set}: leave it out.")


def lesion_settings(lesions: LesionOptions) -> "LesionSettings":
    """The settings of lesions alone; raises BenchError that names a wrong field."""
    from bench.settings import validated
    from datasets.lesions.settings import LesionSettings

    values = {FIELDS[option]: value for option, value in _given(lesions).items()}
    inner = {field.removeprefix("lesions."): value for field, value in values.items()}
    settings = validated(LesionSettings, inner, "simulated lesions")
    check_effect(settings, values)
    return settings


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
        key = key.strip()
        if not equals or not key:
            raise BenchError(f"--data {shortened(pair)} should read key=value, such as --data lesions.enhancement=2.")
        if key in values:
            raise BenchError(f"--data {shortened(key)} is given twice: leave one away.")
        values[key] = value.strip()
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
