"""Commands that do the work: run and fit."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.cluster_options import ClusterOptions, DeviceOptions
from bench.cli.data_options import DataOptions, LesionOptions, TrainingDataOptions, dataset_settings
from bench.cli.options import DEFAULT_WORKSPACE, EvaluationOptions, MethodOptions
from bench.cli.output import OutputOptions
from bench.errors import BenchError


@command("run")
def run(
    methods: MethodOptions,
    data: DataOptions,
    lesions: LesionOptions,
    evaluation: EvaluationOptions,
    where: ClusterOptions,
    output: OutputOptions,
    again: Annotated[bool, typer.Option("--again", help="Score every case anew.")] = False,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Fit methods, score the test cases, evaluate the maps and print the table."""
    where.check()
    output.check()
    choice = methods.choice()  # mistakes are told before what takes seconds to import
    protocol = evaluation.chosen_protocol()
    settings = dataset_settings(methods.preset, data, lesions, output.quiet)

    from bench.cli.console import reporter
    from bench.cli.summary import print_runs
    from bench.runs.bench import Bench
    from bench.runs.run import run

    options.set_up_processor(methods.threads)
    workspace.remove_leftovers()
    with output.logged(workspace, "run"):
        with reporter(output.quiet) as view, where.backend(methods.threads) as backend:
            place = workspace.absolute() if where.cluster else workspace
            metrics = evaluation.chosen_metrics()
            bench = Bench(place, view, evaluation.workers, metrics, backend, evaluation.log_subject_ids)
            results = run(bench, choice, settings, protocol, again)
        print_runs(results, bench)
        options.exit_unless_complete(results)


@command("fit")
def fit(
    methods: MethodOptions,
    data: TrainingDataOptions,
    ship: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy the trained parts there in half precision.")
    ] = None,
    devices: DeviceOptions = DeviceOptions(),  # noqa: B008
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Train the parts of methods that learn and keep them, without scoring."""
    output.check()
    choice = methods.choice()
    settings = dataset_settings(methods.preset, data, quiet=output.quiet)
    if ship is not None and ship.exists() and not ship.is_dir():
        raise BenchError(f"--ship {ship} is a file: name a folder.")

    from bench.cli.console import reporter
    from bench.runs.bench import Bench
    from bench.runs.fitting import fit_methods
    from bench.runs.store import ship as ship_parts

    options.set_up_processor(methods.threads)
    workspace.remove_leftovers()
    with (
        devices.together(methods.device) as (together, device),
        nullcontext() if together.rank else output.logged(workspace, "fit"),
        reporter(quiet=output.quiet or together.rank > 0) as view,
    ):
        choice = replace(choice, device=device)
        fits = fit_methods(Bench(workspace, view), choice, settings, devices.compute(), together)
        if together.rank:
            return
    for place in ship_parts(fits.parts, ship) if ship else [part.folder for part in fits.parts]:
        typer.echo(str(place))
    for name, reason in fits.skipped.items():
        typer.echo(f"{name} is skipped: {reason}", err=True)
    for name, reason in fits.failed.items():
        typer.echo(f"{name} failed: {reason}", err=True)
    if fits.failed:
        raise typer.Exit(1)
