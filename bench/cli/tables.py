"""Commands that show finished runs: leaderboard, comparison, figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.environment import tell
from bench.cli.options import DEFAULT_WORKSPACE, BoardOptions
from bench.cli.output import OutputOptions
from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.results import RunResult
    from bench.runs.workspace import Workspace
    from leaderboard.groups import By
    from leaderboard.table import Table

MetricNames = Annotated[list[str] | None, typer.Option("--metric", help="Metric to show; repeatable.")]


def _one_letter(separator: str | None) -> str | None:
    """Refuses what cannot part columns."""
    if separator is not None and (len(separator) != 1 or separator in '"\r\n.-' or separator.isalnum()):
        raise typer.BadParameter(f"{separator!r} cannot part columns: take one character, such as ';'.")
    return separator


Separator = Annotated[
    str | None,
    typer.Option(callback=_one_letter, help="Between columns of --format csv; ';' brings decimal commas with it."),
]


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
    over: Annotated[
        str | None,
        typer.Option(
            metavar="AXES",
            help="Put boards beside each other that differ in these alone: lesion-set, protocol, dataset; or several, "
            "with commas.",
        ),
    ] = None,
    all_boards: Annotated[bool, typer.Option("--all", help="Put all boards beside each other.")] = False,
    by: Annotated[
        Literal["sex", "age", "scanner", "lesion-volume"] | None,
        typer.Option(help="By groups of test subjects, as participants.tsv or their lesions tell."),
    ] = None,
    separator: Separator = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Compare finished runs in one table; with --over or --all, over many boards."""
    if over is not None or all_boards:
        alone = {"--paper": paper, "--statistics": statistics, "--costs": costs}
        if wrong := next((name for name, given in alone.items() if given), None):
            raise BenchError(f"{wrong} is for one board: leave it out with --over and --all.")
        if over is not None and all_boards:
            raise BenchError("--over chooses among boards, --all takes all of them: leave one out.")
        _print_over(workspace, over, board, metric, format, separator)
        return
    from bench.cli.summary import print_table
    from leaderboard.table import build_table

    runs = list(read_runs(workspace).values())
    table = build_table(runs, board.choice(), metric, paper)
    if by is None:
        print_table(table, format, statistics, costs, separator)
        return
    if paper or statistics or costs:
        raise BenchError("--by is a table of its own: leave --paper, --statistics and --costs out.")
    _print_by(workspace, table, runs, by, format)


def _print_by(workspace: "Workspace", table: "Table", runs: "Sequence[RunResult]", by: "By", format: str) -> None:
    from bench.cli.summary import print_groups
    from bench.runs.datasets import reopened_dataset
    from leaderboard.groups import group_rows

    # what is known of subjects stays with their data, and is in no result
    place = workspace.dataset(table.dataset, table.dataset_fingerprint)
    known = {} if by == "lesion-volume" else reopened_dataset(workspace, place).participants
    print_groups(table, group_rows(table, runs, by, known), by, format)


def _print_over(
    workspace: "Workspace",
    over: str | None,
    board: BoardOptions,
    metrics: list[str] | None,
    format: str,
    separator: str | None,
) -> None:
    from bench.cli.summary import terminal_style
    from bench.discovery import nearest
    from leaderboard.boards import AXES
    from leaderboard.format import View
    from leaderboard.over import build_over
    from leaderboard.over_page import render_over

    axes = None
    if over is not None:
        names = [name.strip() for name in over.split(",")]
        if wrong := next((name for name in names if name not in AXES), None):
            raise BenchError(f"--over {over}: boards have no {wrong!r}{nearest(wrong or '', list(AXES))}")
        axes = [axis for axis in AXES if axis in names]
    color, width = terminal_style()
    found = build_over(list(read_runs(workspace).values()), axes, board.choice(), metrics)
    typer.echo(render_over(found, format, View(color=color, width=width, separator=separator)), nl=False)


@command("boards")
def boards(
    board: BoardOptions,
    format: Annotated[str, typer.Option(help="How to print it: rich, markdown, latex or html.")] = "rich",
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """List the boards of a workspace: dataset, lesion set, protocol, how many methods."""
    from bench.cli.summary import print_page
    from leaderboard.boards import all_boards, boards_grid
    from leaderboard.format import Page

    found = all_boards(list(read_runs(workspace).values()), board.choice())
    count = f"{len(found)} board{'' if len(found) == 1 else 's'}"
    print_page(Page([f"{workspace}: {count}"], [boards_grid(found)], []), format)


@command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="A method, or method:key=value,... as the leaderboard names it.")],
    second: Annotated[str, typer.Argument(help="The one to compare it with.")],
    board: BoardOptions,
    format: Annotated[
        str, typer.Option(help="How to print it: rich, markdown, latex, html, csv, json, or a plug-in's format.")
    ] = "rich",
    metric: MetricNames = None,
    separator: Separator = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Compare two methods case by case."""
    from bench.cli.summary import terminal_style
    from leaderboard.compare import compare, render_comparison
    from leaderboard.format import View
    from leaderboard.table import build_table

    table = build_table(list(read_runs(workspace).values()), board.choice(), metric)
    color, width = terminal_style()
    view = View(color=color, width=width, separator=separator)
    typer.echo(render_comparison(compare(table, first, second), format, view), nl=False)


@command("figure")
def figure(
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Path to write; .png, .pdf and .svg are put to it.")],
    board: BoardOptions,
    output: OutputOptions,
    kind: Annotated[
        Literal["maps", "metrics", "ranks", "differences", "tradeoff", "lesion-volume", "froc", "all"],
        typer.Option(
            help="maps: methods' maps over slices; metrics: means with intervals; ranks: places over bootstrap draws; "
            "differences: paired, to the first; tradeoff: metrics over time; lesion-volume: share of lesions found by "
            "their size; froc: that share against false components per case, as numbers, too; all: OUTPUT-maps and "
            "so on."
        ),
    ] = "maps",
    count: Annotated[int | None, typer.Option(min=1, help="How many cases to draw, of --kind maps; 4.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw cases of --kind maps at random; the first ones if not given.")
    ] = None,
    metric: MetricNames = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Draw finished runs."""
    if kind not in ("maps", "all") and (count is not None or seed is not None):
        raise BenchError(f"--count and --seed choose cases of --kind maps: leave them out with {kind}.")

    from bench.cli.console import reporter
    from bench.runs.figures import Drawing
    from leaderboard.figures.saving import beside
    from leaderboard.table import build_table

    output.check()
    beside(target, ".png")  # is refused before the work, if it is
    with output.logged(workspace, "figure"), reporter(output.quiet) as view:
        runs = read_runs(workspace)
        table = build_table(list(runs.values()), board.choice(), metric)
        drawing = Drawing(workspace, runs, table, view, count or 4, seed)
        written = drawing.draw_all(target) if kind == "all" else drawing.draw(kind, target)
    for path in written:
        typer.echo(f"wrote {path}")


def read_runs(workspace: "Workspace") -> "dict[Path, RunResult]":
    """run.json -> the run. One that cannot be read is said and left out."""
    from bench.runs.finished import finished_runs

    return finished_runs(workspace, tell)
