"""Commands that show what is there: leaderboard, comparison, figures, methods, datasets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench import options
from bench.app import DEFAULT_WORKSPACE, command

if TYPE_CHECKING:
    from leaderboard.results import RunResult

Dataset = Annotated[str | None, typer.Option("--dataset", help="A dataset's name; the newest run's if not given.")]
Fingerprint = Annotated[str | None, typer.Option("--fingerprint", help="Start of a dataset's fingerprint.")]
Protocol = Annotated[str | None, typer.Option("--protocol", help="A protocol's name.")]
Metric = Annotated[list[str] | None, typer.Option("--metric", help="Metric to show; repeatable.")]


@command("leaderboard")
def leaderboard(
    paper: Annotated[bool, typer.Option("--paper", help="Add the paper's own rows, marked as reported.")] = False,
    format: Annotated[
        Literal["rich", "markdown", "csv", "json", "latex", "html"], typer.Option(help="How to print it.")
    ] = "rich",
    dataset: Dataset = None,
    fingerprint: Fingerprint = None,
    protocol: Protocol = None,
    metric: Metric = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Intervals, tests and ranks.")] = False,
    costs: Annotated[bool, typer.Option("--costs", help="Time, memory, parameters.")] = False,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Compare finished runs in one table."""
    from bench.summary import print_table
    from leaderboard.table import build_table

    table = build_table(_runs(workspace), fingerprint, protocol, metric, paper, dataset)
    print_table(table, format, statistics, costs)


@command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="A method, or method:key=value,... as the leaderboard names it.")],
    second: Annotated[str, typer.Argument(help="The one to compare it with.")],
    format: Annotated[Literal["rich", "markdown", "csv", "json"], typer.Option(help="How to print it.")] = "rich",
    dataset: Dataset = None,
    fingerprint: Fingerprint = None,
    protocol: Protocol = None,
    metric: Metric = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Compare two methods case by case."""
    from bench.summary import terminal_style
    from leaderboard.compare import compare, render_comparison
    from leaderboard.table import build_table

    table = build_table(_runs(workspace), fingerprint, protocol, metric, dataset=dataset)
    color, width = terminal_style()
    typer.echo(render_comparison(compare(table, first, second), format, color, width), nl=False)


@command("figure")
def figure(
    output: Annotated[Path, typer.Argument(help="Path to write; its suffix becomes .png and .pdf.")],
    kind: Annotated[
        Literal["maps", "lesion-volume", "froc"],
        typer.Option(
            help="maps: methods' maps over slices; lesion-volume: share of lesions found by their size; froc: that "
            "share against false components a case, as numbers, too."
        ),
    ] = "maps",
    count: Annotated[int, typer.Option(min=1, help="How many cases to draw.")] = 4,
    seed: Annotated[int | None, typer.Option(min=0, help="Draw cases at random; the first ones if not given.")] = None,
    dataset: Dataset = None,
    fingerprint: Fingerprint = None,
    protocol: Protocol = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Draw finished runs."""
    from leaderboard.results import run_files
    from leaderboard.table import build_table

    runs = _runs(workspace)
    table = build_table(runs, fingerprint, protocol, dataset=dataset)
    if kind == "lesion-volume":
        from leaderboard.lesion_volume import draw_sensitivity, sensitivities

        paths = draw_sensitivity(sensitivities(runs, table.dataset_fingerprint, table.protocol), output)
    else:
        from bench.run import reopened_dataset
        from leaderboard.figures import draw_cases, map_folders

        folders = map_folders(run_files(workspace), table)
        dataset_folder = workspace / "runs" / f"{table.dataset}-{table.dataset_fingerprint[:8]}"
        cases = reopened_dataset(workspace, dataset_folder)
        if kind == "maps":
            paths = draw_cases(cases, folders, output, count, seed)
        else:
            from bench.console import reporter
            from bench.froc import froc_curves
            from leaderboard.froc import save_froc

            with reporter() as view:
                curves = froc_curves(cases, folders, options.chosen_protocol(table.protocol.partition("@")[0]), view)
            paths = save_froc(curves, output)
    for path in paths:
        typer.echo(f"wrote {path}")


def _runs(workspace: Path) -> "list[RunResult]":
    from leaderboard.results import load_run, run_files

    return [load_run(path) for path in run_files(workspace)]


@command("methods")
def methods(
    name: Annotated[str | None, typer.Argument(help="Show the settings of this method.")] = None,
) -> None:
    """List the methods, or the settings of one."""
    from bench.summary import print_method, print_methods

    if name is None:
        print_methods()
    else:
        print_method(name)


@command("datasets")
def datasets() -> None:
    """List the datasets."""
    from datasets.load import dataset_names

    names = dataset_names()
    for name, description in names.items():
        typer.echo(f"{name:<{max(map(len, names))}}  {description}")
