"""Commands for contributors: what there is, how to start, what is checked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.data_options import DataOptions, LesionOptions, dataset_settings
from bench.cli.options import DEFAULT_WORKSPACE
from bench.cli.output import OutputOptions
from bench.errors import BenchError
from bench.reporting import LOG

if TYPE_CHECKING:
    from bench.contributing.check import Check
    from bench.runs.workspace import Workspace


@command("methods")
def methods(
    name: Annotated[str | None, typer.Argument(help="Show the settings of this method.")] = None,
) -> None:
    """List the methods, or the settings of one."""
    from bench.cli.listing import print_method, print_methods

    if name is None:
        print_methods()
    else:
        print_method(name)


@command("datasets")
def datasets() -> None:
    """List the datasets."""
    from bench.cli.listing import print_datasets

    print_datasets()


@command("metrics")
def metrics() -> None:
    """List the metrics: those of every run, and those that --metric adds."""
    from bench.cli.listing import print_metrics

    print_metrics()


@command("protocols")
def protocols() -> None:
    """List the protocols: how maps become numbers."""
    from bench.cli.listing import print_protocols

    print_protocols()


@command("check")
def check(
    name: Annotated[str, typer.Argument(help="A registered method, also of another package.")],
    output: OutputOptions,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Check that a method keeps the contract: shapes, seeds, saved parts, no peeking at labels."""
    from bench.contributing.contract import check_method
    from bench.registry import method

    output.check()
    options.set_up_processor(None)
    with output.logged(_if_there(workspace), "check"):
        _report(check_method(method(name)), output.quiet)


@command("check-dataset")
def check_dataset(
    name: Annotated[str, typer.Argument(help="A dataset, also of another package.")],
    data: DataOptions,
    lesions: LesionOptions,
    output: OutputOptions,
    most: Annotated[int, typer.Option(min=1, help="Look at this many cases of each split.")] = 20,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Check that a dataset keeps the contract: disjoint splits, healthy training cases, stable fingerprints."""
    from bench.contributing.dataset_contract import check_dataset

    if data.dataset is not None:
        raise BenchError(f"--dataset {data.dataset}: the dataset to check is named without --dataset.")
    output.check()
    settings = dataset_settings(options.DEFAULT_PRESET, replace(data, dataset=name), lesions, output.quiet)
    with output.logged(_if_there(workspace), "check-dataset"):
        _report(check_dataset(settings, most), output.quiet)


def _if_there(workspace: "Workspace") -> "Workspace | None":
    """Checks need no workspace, and where there is none their log begins none."""
    return workspace if workspace.path.is_dir() else None


def _report(checks: "Sequence[Check]", quiet: bool) -> None:
    """A line for each point, or only for each that is not kept; exit code 1 when there is one."""
    for point in checks:
        line = f"{'failed' if point.problem else 'ok':<7} {point.point}{f': {point.problem}' if point.problem else ''}"
        LOG.info("%s", line)
        if point.problem or not quiet:
            typer.echo(line)
    if any(point.problem for point in checks):
        raise typer.Exit(1)


@command("new-method")
def new_method(
    name: Annotated[str, typer.Argument(help="Such as my-method.")],
    package: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write into this folder of a package of your own.")
    ] = None,
) -> None:
    """Write a method file and its test to start from."""
    from bench.contributing.new_method import write_method, write_plugin

    if package is None:
        method, test = write_method(name)
    else:
        method, test, entry_point = write_plugin(name, package)
    for path in (method, test):
        typer.echo(f"wrote {path}")
    if package is not None:
        typer.echo(f"add to the package's pyproject.toml, and install it:\n\n{entry_point}")
    typer.echo(f"next: bench check {name}")
