"""Commands about maps: evaluate those of earlier runs or of any program, and give a program its images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bench import options
from bench.app import DEFAULT_WORKSPACE, command
from bench.errors import BenchError

MAPS = "Maps of your own"


@command("evaluate")
def evaluate(
    maps: Annotated[
        Path | None, typer.Argument(metavar="[MAPS]", help="Folder of anomaly maps made by any program.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Lesion masks to compare MAPS with.", rich_help_panel=MAPS)
    ] = None,
    brain_masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Brain masks, if they are not beside the labels.", rich_help_panel=MAPS),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", help="MAPS are of this dataset's test cases, as run or exported here.", rich_help_panel=MAPS
        ),
    ] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="Start of its fingerprint, if there are several.", rich_help_panel=MAPS)
    ] = None,
    healthy_maps: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Maps of healthy cases, for the fpr protocols.", rich_help_panel=MAPS),
    ] = None,
    method_name: Annotated[
        str | None, typer.Option(help="What the leaderboard calls MAPS; their folder's name.", rich_help_panel=MAPS)
    ] = None,
    url: Annotated[str | None, typer.Option(help="Where the method is described.", rich_help_panel=MAPS)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which seed made MAPS.", rich_help_panel=MAPS)] = 0,
    protocol: options.ProtocolName = "paper",
    method: options.Method = None,
    workers: options.Workers = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Evaluate maps: of earlier runs under another protocol, or MAPS made by any program.

    MAPS are paired with the cases by the subject that their names begin with, as sub-01_anomaly.nii.gz.
    """
    from bench.console import reporter
    from bench.run import Bench, evaluate_again
    from bench.summary import print_runs

    only_with_maps = {
        **{"--labels": labels, "--brain-masks": brain_masks, "--dataset": dataset, "--fingerprint": fingerprint},
        **{"--healthy-maps": healthy_maps, "--method-name": method_name, "--url": url},
    }
    if maps is None and (given := [name for name, value in only_with_maps.items() if value is not None]):
        raise BenchError(f"{given[0]} goes with MAPS, a folder of anomaly maps: name it first.")
    if maps is not None and method:
        raise BenchError("--method chooses among earlier runs; MAPS get their name by --method-name.")
    if maps is not None and (labels is None) == (dataset is None):
        raise BenchError("MAPS need either --labels DIR, or --dataset NAME for maps of its test cases.")
    chosen_protocol = options.chosen_protocol(protocol)
    with reporter() as view:
        bench = Bench(workspace, view, workers)
        if maps is None:
            results = evaluate_again(bench, chosen_protocol, tuple(method or []))
        else:
            from bench.external import Submission, evaluate_maps, known_dataset, labelled
            from bench.labels import LabelSettings

            name = method_name or maps.resolve().name
            submission = Submission(maps, name, url, seed, healthy_maps, brain_masks)
            found = (
                labelled(workspace, LabelSettings(labels=labels, brain_masks=brain_masks))
                if labels
                else known_dataset(workspace, dataset or "", fingerprint)
            )
            results = [evaluate_maps(bench, found, submission, chosen_protocol)]
    print_runs(results, workspace)
    options.exit_unless_complete(results)


@command("export")
def export(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    split: Annotated[
        list[str] | None,
        typer.Option(help="Only this split: train, validation or test; repeatable. All if not given."),
    ] = None,
    dataset: options.DatasetName = "phantom",
    preset: Annotated[options.Preset, typer.Option(help="Size of the phantom.", rich_help_panel=options.DATA)] = "cpu",
    root: options.Root = None,
    train_root: options.TrainRoot = None,
    table: options.Table = None,
    cases: options.Cases = None,
    dataset_seed: options.DatasetSeed = 0,
    lesion_set: options.LesionSet = "paper",
    lesion_atlas: options.LesionAtlas = None,
    lesion_load_ml: options.LesionLoad = 20.0,
    soft_fwhm_mm: options.SoftFwhm = None,
    workspace: options.Workspace = DEFAULT_WORKSPACE,
) -> None:
    """Write a dataset's prepared images, and its lesion masks apart, as BIDS folders for another program."""
    from bench.console import reporter
    from bench.export import export_dataset
    from bench.run import Bench, opened_dataset, remember_dataset

    lesions: dict[str, Any] = options.lesion_fields(lesion_set, lesion_atlas, lesion_load_ml, soft_fwhm_mm)
    settings = options.dataset_settings(
        workspace,
        lesions,
        **{"name": dataset, "root": root, "train_root": train_root, "table": table},
        **{"preset": preset, "seed": dataset_seed, "cases": cases},
    )
    with reporter() as view:
        found = opened_dataset(Bench(workspace, view), settings)
        written = export_dataset(found, target, split or [], view)
        remember_dataset(workspace, found, settings)
    typer.echo(f"{written} cases in {target / 'images'}, lesion masks in {target / 'labels'}")
    typer.echo(f"next, with a map for each test case: bench evaluate MAPS --dataset {found.name} --method-name NAME")
