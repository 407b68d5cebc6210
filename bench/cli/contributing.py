"""Commands for contributors: what there is, how to start, what is checked."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.app import command


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
    from datasets.load import dataset_names

    names = dataset_names()
    for name, description in names.items():
        typer.echo(f"{name:<{max(map(len, names))}}  {description}")


@command("check")
def check(name: Annotated[str, typer.Argument(help="A registered method, also of another package.")]) -> None:
    """Check that a method keeps the contract: shapes, seeds, saved parts, no peeking at labels."""
    from bench.contributing.contract import check_method
    from bench.registry import method

    options.set_up_processor(None)
    checks = check_method(method(name))
    for point in checks:
        typer.echo(
            f"{'failed' if point.problem else 'ok':<7} {point.point}{f': {point.problem}' if point.problem else ''}"
        )
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
