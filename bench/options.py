"""The command line's options, each written once, and the settings they add up to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets.lesions import LesionSettings
    from datasets.settings import DatasetSettings
    from leaderboard.results import RunResult
    from metrics.protocol import Protocol

Preset = Literal["cpu", "gpu", "paper"]

METHODS = "Methods"
DATA = "Data"
LESIONS = "Simulated lesions"

Method = Annotated[
    list[str] | None,
    typer.Option("--method", help="A method's name; repeat it, or say all.", rich_help_panel=METHODS),
]
PresetName = Annotated[
    Preset, typer.Option("--preset", help="Budget of methods, size of the phantom.", rich_help_panel=METHODS)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. flow.blocks=8.", rich_help_panel=METHODS),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file: method -> settings.", rich_help_panel=METHODS),
]
Seed = Annotated[int, typer.Option(help="Seed of training and scoring.", min=0, rich_help_panel=METHODS)]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="auto takes the GPU if there is one.", rich_help_panel=METHODS),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="CPU threads; found by timing when not given.", rich_help_panel=METHODS),
]
DatasetName = Annotated[str, typer.Option("--dataset", help="See `bench datasets`.", rich_help_panel=DATA)]
Root = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of your scans.", rich_help_panel=DATA)]
TrainRoot = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Healthy scans to learn from, if --root has patients only.", rich_help_panel=DATA),
]
Table = Annotated[Path | None, typer.Option(metavar="FILE", help="CBCL table (dataset cohort).", rich_help_panel=DATA)]
Cases = Annotated[int | None, typer.Option(min=1, help="Only the first N test cases.", rich_help_panel=DATA)]
Align = Annotated[
    Literal["auto", "none", "affine"],
    typer.Option(help="auto: align brains that lie elsewhere than the training brains.", rich_help_panel=DATA),
]
DatasetSeed = Annotated[
    int, typer.Option(min=0, help="Seed of phantom, split and simulated lesions.", rich_help_panel=DATA)
]
LesionSet = Annotated[
    Literal["paper", "plain", "soft", "none"],
    typer.Option(
        help="paper: enhanced; plain: not enhanced; soft: without noise and sharp edges; none: healthy test cases.",
        rich_help_panel=LESIONS,
    ),
]
LesionAtlas = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of real lesion masks, instead of made ones.", rich_help_panel=LESIONS),
]
LesionLoad = Annotated[
    float,
    typer.Option("--lesion-load-ml", help="Volume of all lesions of a case, in ml.", rich_help_panel=LESIONS),
]
SoftFwhm = Annotated[
    float | None,
    typer.Option("--soft-fwhm-mm", help="Edge width of the soft set; estimated if not given.", rich_help_panel=LESIONS),
]
ProtocolName = Annotated[str, typer.Option("--protocol", help="How maps become numbers: paper, authors-code, ...")]
Workers = Annotated[int | None, typer.Option(min=1, help="Cases to evaluate at the same time; all cores if not given.")]
Workspace = Annotated[Path, typer.Option(envvar="BENCH_WORKSPACE", metavar="DIR", help="Where everything is kept.")]


def dataset_settings(workspace: Path, lesions: dict[str, Any], **fields: Any) -> "DatasetSettings":
    """The dataset's settings with absolute folders; raises BenchError that names a wrong field."""
    from pydantic import ValidationError

    from bench.presets import explain
    from datasets.settings import DatasetSettings

    given = {"lesions": lesions, "cache_folder": workspace / "datasets", **fields}
    try:
        return DatasetSettings.model_validate(_absolute(given))
    except ValidationError as error:
        raise BenchError(explain(error, DatasetSettings)) from error


def lesion_fields(chosen: str, atlas: Path | None, load_ml: float, soft_fwhm_mm: float | None) -> dict[str, Any]:
    """The options on lesions as fields of the settings."""
    return {"set": chosen, "atlas": atlas, "lesion_load_ml": load_ml, "soft_fwhm_mm": soft_fwhm_mm}


def lesion_settings(lesions: dict[str, Any]) -> "LesionSettings":
    """The simulator's settings; raises BenchError that names a wrong field."""
    return dataset_settings(Path(), lesions).lesions


def _absolute(value: Any) -> Any:
    """Paths made absolute, so that another command finds them from another folder."""
    if isinstance(value, dict):
        return {key: _absolute(inner) for key, inner in value.items()}
    return value.expanduser().absolute() if isinstance(value, Path) else value


def chosen_protocol(name: str) -> "Protocol":
    """The protocol of that name; raises BenchError that names the nearest."""
    from metrics.protocol import protocol

    try:
        return protocol(name)
    except ValueError as error:
        raise BenchError(str(error)) from error


def set_up_processor(threads: int | None) -> None:
    """Use this many CPU threads, or as many as timing finds best, and keep memory that is freed."""
    import torch

    from bench.allocation import keep_freed_memory
    from bench.threads import choose_threads

    keep_freed_memory()
    if threads is None:
        choose_threads()
    else:
        torch.set_num_threads(threads)


def exit_unless_complete(results: "Sequence[RunResult]") -> None:
    """Exit code 1 when a run failed or lacks cases."""
    if any(result.status == "failed" or result.n < result.of for result in results):
        raise typer.Exit(1)
