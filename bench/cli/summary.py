"""What commands print at the end: tables, where things are, lists of methods and their settings."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bench import registry
from bench.results import RunResult
from bench.runs import presets
from bench.runs.tracking import tracking_uri
from bench.settings import settings_of
from leaderboard.render import render
from leaderboard.table import Table, build_table


def print_runs(runs: Sequence[RunResult], workspace: Path) -> None:
    """A table for each dataset among the runs, and where their files are."""
    for fingerprint in dict.fromkeys(run.dataset_fingerprint for run in runs):
        print_table(build_table([run for run in runs if run.dataset_fingerprint == fingerprint]))
    typer.echo("")
    typer.echo(f"maps, tables: {workspace / 'runs'} (maps/ and results/ of each method)")
    typer.echo(f"MLflow:       mlflow ui --backend-store-uri {tracking_uri(workspace)}")


def print_table(table: Table, format: str = "rich", statistics: bool = False, costs: bool = False) -> None:
    """Print a table; in colour and as wide as the window on a terminal."""
    color, width = terminal_style()
    typer.echo(render(table, format, statistics, costs, color=color, width=width), nl=False)


def terminal_style() -> tuple[bool, int | None]:
    """Whether to use colour, and how many columns there are; no colour and None when output is no terminal."""
    terminal = sys.stdout.isatty()
    return terminal and "NO_COLOR" not in os.environ, shutil.get_terminal_size().columns if terminal else None


def print_methods() -> None:
    """Every method with its title and source; then what failed to import and why."""
    found, broken = registry.discover()
    wide = max(map(len, found), default=0)
    for name, detector in found.items():
        kind = " (trivial baseline)" if detector.info.baseline else ""
        typer.echo(f"{name:<{wide}}  {detector.info.title}{kind}; {detector.info.reference}")
    for one in broken:
        typer.echo(f"{one.source} failed to import: {one.reason}", err=True)


def print_method(name: str) -> None:
    """A method's settings: default, value in the cpu preset where it differs, description."""
    detector = registry.method(name)
    default = presets.flattened(detector.Config())
    described = settings_of(detector.Config)
    by_preset = {
        preset: presets.flattened(presets.resolve({name: detector}, preset, None, [], [])[name])
        for preset in presets.PRESETS
    }
    typer.echo(f"{name}: {detector.info.title} ({detector.info.reference})")
    for key, (bounds, description) in described.items():
        value = default.get(key)
        others = [f"{preset}: {flat[key]}" for preset, flat in by_preset.items() if flat.get(key, value) != value]
        note = f" ({', '.join(others)})" if others else ""
        limits = f" [{bounds}]" if bounds else ""
        typer.echo(f"  {key} = {value}{note}{limits}  {description}")
