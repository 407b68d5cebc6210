"""The command that makes pages of finished runs."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.options import DEFAULT_WORKSPACE, BoardOptions
from bench.cli.output import OutputOptions
from bench.cli.sharing import read_submissions
from bench.cli.tables import MetricNames, read_runs


@command("report")
def report(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the pages; with --single-file, a file.")],
    board: BoardOptions,
    output: OutputOptions,
    single_file: Annotated[bool, typer.Option("--single-file", help="All pages in one HTML file.")] = False,
    cases: Annotated[
        int | None, typer.Option(min=0, help="Pages for the first N cases of each dataset; all if not given.")
    ] = None,
    metric: MetricNames = None,
    submissions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pages of the results in this folder, each verified; not of a workspace's."),
    ] = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Make pages of finished runs: boards, figures, methods, cases with their maps.

    They open without a server or a network, and can be put on any static host.
    """
    from bench.cli.console import reporter
    from bench.runs.report import Sources, make_report
    from leaderboard.report.site import check_output, sizes, write_report

    output.check()
    check_output(target, single_file)
    with output.logged(workspace, "report"), reporter(output.quiet) as view:
        runs = read_submissions(submissions, workspace) if submissions else read_runs(workspace)
        sources = Sources(workspace, runs, view, metric, cases)
        written = write_report(make_report(sources, board.choice()), target, single_file)
    first = written[0]
    typer.echo(f"wrote {len(written)} files, {sizes(written):.1f} MB; open {first}")
