"""Commands that do the work: run, fit, simulate lesions, check and start a method."""

from pathlib import Path
from typing import Annotated

import typer

from bench import options
from bench.app import DEFAULT_WORKSPACE, command


@command("run")
def run(
    method: options.Method = None,
    preset: options.PresetName = "cpu",
    pairs: options.Set = None,
    config: options.Config = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    threads: options.Threads = None,
    dataset: options.DatasetName = "phantom",
    root: options.Root = None,
    train_root: options.TrainRoot = None,
    table: options.Table = None,
    cases: options.Cases = None,
    align: options.Align = "auto",
    dataset_seed: options.DatasetSeed = 0,
    lesion_set: options.LesionSet = "paper",
    lesion_atlas: options.LesionAtlas = None,
    lesion_load_ml: options.LesionLoad = 20.0,
    soft_fwhm_mm: options.SoftFwhm = None,
    protocol: options.ProtocolName = "paper",
    again: Annotated[bool, typer.Option("--again", help="Score every case anew.")] = False,
    workers: options.Workers = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Fit methods, score the test cases, evaluate the maps and print the table."""
    from bench.console import reporter
    from bench.run import Bench, Choice, run
    from bench.summary import print_runs

    chosen_protocol = options.chosen_protocol(protocol)
    choice = Choice(tuple(method or ["spatial-msma"]), preset, config, tuple(pairs or []), seed, device)
    settings = options.dataset_settings(
        workspace,
        options.lesion_fields(lesion_set, lesion_atlas, lesion_load_ml, soft_fwhm_mm),
        **{"name": dataset, "root": root, "train_root": train_root, "table": table},
        **{"preset": preset, "seed": dataset_seed, "cases": cases, "align": align},
    )
    options.set_up_processor(threads)
    with reporter() as view:
        results = run(Bench(workspace, view, workers), choice, settings, chosen_protocol, again)
    print_runs(results, workspace)
    options.exit_unless_complete(results)


@command("fit")
def fit(
    method: options.Method = None,
    preset: options.PresetName = "cpu",
    pairs: options.Set = None,
    config: options.Config = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    threads: options.Threads = None,
    dataset: options.DatasetName = "phantom",
    root: options.Root = None,
    train_root: options.TrainRoot = None,
    table: options.Table = None,
    align: options.Align = "auto",
    dataset_seed: options.DatasetSeed = 0,
    ship: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy the components there in half precision.")
    ] = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Train the components of methods and keep them, without scoring."""
    from bench.console import reporter
    from bench.run import Bench, Choice, fit_components

    choice = Choice(tuple(method or ["spatial-msma"]), preset, config, tuple(pairs or []), seed, device)
    settings = options.dataset_settings(
        workspace,
        {},
        **{"name": dataset, "root": root, "train_root": train_root, "table": table},
        **{"preset": preset, "seed": dataset_seed, "align": align},
    )
    options.set_up_processor(threads)
    with reporter() as view:
        bench = Bench(workspace, view)
        failed = fit_components(bench, choice, settings)
    for place in bench.store.ship(ship) if ship else bench.store.places.values():
        typer.echo(str(place))
    for name, reason in failed.items():
        typer.echo(f"{name} failed: {reason}", err=True)
    if failed:
        raise typer.Exit(1)


@command("simulate-lesions")
def simulate_lesions(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder of healthy scans with BIDS names.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write images and lesion masks to.")],
    lesion_set: options.LesionSet = "paper",
    lesion_atlas: options.LesionAtlas = None,
    lesion_load_ml: options.LesionLoad = 20.0,
    soft_fwhm_mm: options.SoftFwhm = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the lesions.")] = 0,
) -> None:
    """Put simulated lesions into your healthy scans and write images and masks."""
    from bench.console import reporter
    from bench.simulate import simulate_folder

    lesions = options.lesion_fields(lesion_set, lesion_atlas, lesion_load_ml, soft_fwhm_mm)
    with reporter() as view:
        written = simulate_folder(source, target, options.lesion_settings(lesions), seed, view)
    typer.echo(f"{written} subjects with lesions in {target}")


@command("check")
def check(name: Annotated[str, typer.Argument(help="A registered method, also of another package.")]) -> None:
    """Check that a method keeps the contract: shapes, seeds, saved components, no peeking at labels."""
    from bench.contract import check_method
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
def new_method(name: Annotated[str, typer.Argument(help="Such as my-method.")]) -> None:
    """Write a method file and its test to start from."""
    from bench.new_method import write_method

    for path in write_method(name):
        typer.echo(f"wrote {path}")
    typer.echo(f"next: bench check {name}")
