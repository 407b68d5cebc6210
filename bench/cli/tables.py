"""Commands that show finished runs: leaderboard, comparison, figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.environment import tell
from bench.cli.options import DEFAULT_WORKSPACE, BoardOptions
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.results import RunResult
    from bench.runs.workspace import Workspace

MetricNames = Annotated[list[str] | None, typer.Option("--metric", help="Metric to show; repeatable.")]


@command("leaderboard")
def leaderboard(
    board: BoardOptions,
    paper: Annotated[bool, typer.Option("--paper", help="Add the paper's own rows, marked as reported.")] = False,
    format: Annotated[
        str, typer.Option(help="How to print it: rich, markdown, latex, html, csv, json, or a plug-in's format.")
    ] = "rich",
    metric: MetricNames = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Intervals, tests and ranks.")] = False,
    costs: Annotated[bool, typer.Option("--costs", help="Time, memory, parameters.")] = False,
    by: Annotated[
        Literal["sex", "age", "scanner", "lesion-volume"] | None,
        typer.Option(help="By groups of test subjects, as participants.tsv or their lesions tell."),
    ] = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Compare finished runs in one table."""
    from bench.cli.summary import print_groups, print_table
    from leaderboard.table import build_table

    runs = list(_runs(workspace).values())
    table = build_table(runs, board.choice(), metric, paper)
    if by is not None:
        if paper or statistics or costs:
            raise BenchError("--by is a table of its own: leave --paper, --statistics and --costs out.")
        from bench.runs.datasets import reopened_dataset
        from leaderboard.groups import group_rows

        # what is known of subjects stays with their data, and is in no result
        place = workspace.dataset(table.dataset, table.dataset_fingerprint)
        known = {} if by == "lesion-volume" else reopened_dataset(workspace, place).participants
        print_groups(table, group_rows(table, runs, by, known), by, format)
        return
    print_table(table, format, statistics, costs)


@command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="A method, or method:key=value,... as the leaderboard names it.")],
    second: Annotated[str, typer.Argument(help="The one to compare it with.")],
    board: BoardOptions,
    format: Annotated[
        str, typer.Option(help="How to print it: rich, markdown, latex, html, csv, json, or a plug-in's format.")
    ] = "rich",
    metric: MetricNames = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Compare two methods case by case."""
    from bench.cli.summary import terminal_style
    from leaderboard.compare import compare, render_comparison
    from leaderboard.format import View
    from leaderboard.table import build_table

    table = build_table(list(_runs(workspace).values()), board.choice(), metric)
    color, width = terminal_style()
    typer.echo(render_comparison(compare(table, first, second), format, View(color=color, width=width)), nl=False)


@command("figure")
def figure(
    output: Annotated[Path, typer.Argument(help="Path to write; .png and .pdf are put to it.")],
    board: BoardOptions,
    kind: Annotated[
        Literal["maps", "lesion-volume", "froc"],
        typer.Option(
            help="maps: methods' maps over slices; lesion-volume: share of lesions found by their size; froc: that "
            "share against false components per case, as numbers, too."
        ),
    ] = "maps",
    count: Annotated[int | None, typer.Option(min=1, help="How many cases to draw, of --kind maps; 4.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw cases of --kind maps at random; the first ones if not given.")
    ] = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Draw finished runs."""
    if kind != "maps" and (count is not None or seed is not None):
        raise BenchError(f"--count and --seed choose cases of --kind maps: leave them out with {kind}.")

    from leaderboard.figures.saving import beside
    from leaderboard.table import build_table

    beside(output, ".png")  # is refused before the work, if it is
    runs = _runs(workspace)
    table = build_table(list(runs.values()), board.choice())
    if kind == "lesion-volume":
        from leaderboard.figures.lesion_volume import draw_sensitivity, sensitivities

        paths = draw_sensitivity(sensitivities(list(runs.values()), board.choice()), output)
    else:
        from bench.runs.datasets import reopened_dataset
        from leaderboard.figures.maps import draw_cases, map_folders

        folders = map_folders(list(runs), table)
        cases = reopened_dataset(workspace, workspace.dataset(table.dataset, table.dataset_fingerprint))
        if kind == "maps":
            paths = draw_cases(cases, folders, output, count or 4, seed)
        else:
            from bench.cli.console import reporter
            from bench.runs.froc import froc_curves
            from leaderboard.figures.froc import save_froc

            with reporter() as view:
                curves = froc_curves(cases, folders, options.chosen_protocol(table.protocol.partition("@")[0]), view)
            paths = save_froc(curves, output)
    for path in paths:
        typer.echo(f"wrote {path}")


def _runs(workspace: "Workspace") -> "dict[Path, RunResult]":
    """run.json -> the run. One that cannot be read is said and left out."""
    from bench.results import load_run

    runs = {}
    for path in workspace.run_files():
        try:
            runs[path] = load_run(path)
        except BenchError as problem:
            tell(f"left out: {problem}")
    return runs
