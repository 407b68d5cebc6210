"""What commands print at the end: tables, and where things are."""

import logging
import os
import shutil
import sys
from collections.abc import Sequence

import typer

from bench.errors import BenchError
from bench.reporting import LOG
from bench.results import RunResult
from bench.runs.bench import Bench
from leaderboard.format import Page, View
from leaderboard.groups import By, GroupRow, render_groups
from leaderboard.render import FORMATS, render
from leaderboard.table import Table, build_table


def print_runs(runs: Sequence[RunResult], bench: Bench) -> None:
    """A table for each dataset among the runs, and where their files are."""
    for fingerprint in dict.fromkeys(run.dataset_fingerprint for run in runs):
        print_table(build_table([run for run in runs if run.dataset_fingerprint == fingerprint]))
    typer.echo("")
    typer.echo(f"maps, tables: {bench.workspace.runs} (maps/ and results/ of each method)")
    typer.echo(f"MLflow:       {bench.tracker.last_line()}")


def print_table(
    table: Table, format: str = "rich", statistics: bool = False, costs: bool = False, separator: str | None = None
) -> None:
    """Print a table; in colour and as wide as the window on a terminal."""
    color, width = terminal_style()
    typer.echo(render(table, format, View(statistics, costs, color, width, separator)), nl=False)
    if LOG.isEnabledFor(logging.INFO):
        LOG.info("table\n%s", render(table))


def print_page(page: Page, format: str) -> None:
    """Print tables of text; BenchError for a format that writes boards alone."""
    write_page = FORMATS.get(format).write_page
    if write_page is None:
        raise BenchError(f"--format {format} is for boards: take rich, markdown, latex or html here.")
    color, width = terminal_style()
    typer.echo(write_page(page, View(color=color, width=width)), nl=False)


def print_groups(table: Table, rows: Sequence[GroupRow], by: By, format: str) -> None:
    """Print a table by groups of test subjects, likewise."""
    color, width = terminal_style()
    typer.echo(render_groups(table, rows, by, format, View(color=color, width=width)), nl=False)


def terminal_style() -> tuple[bool, int | None]:
    """Whether to use colour, and how many columns there are; no colour and None when output is no terminal."""
    terminal = sys.stdout.isatty()
    return terminal and "NO_COLOR" not in os.environ, shutil.get_terminal_size().columns if terminal else None
