"""Commands about maps and images of other programs: evaluate their maps, give them images, put lesions in scans."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.data_options import DataOptions, LesionOptions, dataset_settings, lesion_settings
from bench.cli.options import DEFAULT_WORKSPACE, EvaluationOptions
from bench.cli.output import OutputOptions
from bench.errors import BenchError
from bench.temporary import remove_leftovers

MAPS = "Maps of your own"


@dataclass(frozen=True)
class MapsOptions:
    """What goes with MAPS, a folder of anomaly maps made by any program."""

    labels: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Lesion masks to compare MAPS with.", rich_help_panel=MAPS)
    ] = None
    brain_masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Brain masks, if they are not beside the labels.", rich_help_panel=MAPS),
    ] = None
    dataset: Annotated[
        str | None,
        typer.Option(
            help="MAPS are of this dataset's test cases, as run or exported here; without MAPS: only its runs.",
            rich_help_panel=MAPS,
        ),
    ] = None
    fingerprint: Annotated[
        str | None, typer.Option(help="Start of its fingerprint, if there are several.", rich_help_panel=MAPS)
    ] = None
    healthy_maps: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Maps of healthy cases, for the fpr protocols.", rich_help_panel=MAPS),
    ] = None
    method_name: Annotated[
        str | None, typer.Option(help="What the leaderboard calls MAPS; their folder's name.", rich_help_panel=MAPS)
    ] = None
    url: Annotated[str | None, typer.Option(help="Where the method is described.", rich_help_panel=MAPS)] = None
    seed: Annotated[int, typer.Option(min=0, help="Which seed made MAPS.", rich_help_panel=MAPS)] = 0

    def check(self, maps: Path | None, method: list[str] | None) -> None:
        """BenchError for options that do not go together."""
        for_runs_too = ("dataset", "fingerprint")
        unless_given = vars(MapsOptions())
        given = [name for name, value in vars(self).items() if name not in for_runs_too and value != unless_given[name]]
        if maps is None and given:
            raise BenchError(f"--{given[0].replace('_', '-')} goes with MAPS, a folder of anomaly maps: name it first.")
        if maps is not None and method:
            raise BenchError("--method chooses among earlier runs; MAPS get their name by --method-name.")
        if maps is not None and (self.labels is None) == (self.dataset is None):
            raise BenchError("MAPS need either --labels DIR, or --dataset NAME for maps of its test cases.")
        if self.labels is not None and self.fingerprint is not None:
            raise BenchError("--fingerprint goes with --dataset: leave it out, --labels says which dataset.")


@command("evaluate")
def evaluate(
    with_maps: MapsOptions,
    evaluation: EvaluationOptions,
    output: OutputOptions,
    maps: Annotated[
        Path | None, typer.Argument(metavar="[MAPS]", help="Folder of anomaly maps made by any program.")
    ] = None,
    method: options.MethodNames = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Evaluate maps: of earlier runs under another protocol, or MAPS made by any program.

    MAPS are paired with the cases by the subject that their names begin with, as sub-01_anomaly.nii.gz.
    """
    with_maps.check(maps, method)
    output.check()
    protocol = evaluation.chosen_protocol()

    from bench.cli.console import reporter
    from bench.cli.summary import print_runs
    from bench.runs.bench import Bench
    from bench.runs.evaluate_again import Which, evaluate_again

    left_out: tuple[str, ...] = ()
    workspace.remove_leftovers()
    with output.logged(workspace, "evaluate"):
        with reporter(output.quiet) as view:
            metrics = evaluation.chosen_metrics()
            bench = Bench(workspace, view, evaluation.workers, metrics, log_subject_ids=evaluation.log_subject_ids)
            if maps is None:
                which = Which(tuple(method or ()), with_maps.dataset, with_maps.fingerprint or "")
                again = evaluate_again(bench, protocol, which)
                results, left_out = list(again.results), again.left_out
            else:
                from bench.runs.datasets import known_dataset, labelled_dataset
                from bench.runs.submissions import Submission, evaluate_maps

                submission = Submission(
                    maps=maps,
                    method=with_maps.method_name or maps.resolve().name,
                    url=with_maps.url,
                    seed=with_maps.seed,
                    healthy_maps=with_maps.healthy_maps,
                    healthy_brains=with_maps.brain_masks,
                )
                found = (
                    labelled_dataset(workspace, with_maps.labels, with_maps.brain_masks)
                    if with_maps.labels
                    else known_dataset(workspace, with_maps.dataset or "", with_maps.fingerprint)
                )
                results = [evaluate_maps(bench, found, submission, protocol)]
        print_runs(results, bench)
        options.exit_unless_complete(results, left_out)


@command("export")
def export(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    data: DataOptions,
    lesions: LesionOptions,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Only this split: train, validation or test; repeatable. All if not given."),
    ] = None,
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Write a dataset's prepared images, and its lesion masks apart, as BIDS folders for another program."""
    from bench.cli.console import reporter
    from bench.runs.datasets import opened_dataset, remember_dataset
    from datasets.export import export_dataset
    from datasets.settings import scans_folder

    output.check()
    settings = dataset_settings(options.DEFAULT_PRESET, data, lesions, output.quiet)
    workspace.remove_leftovers()
    remove_leftovers(target)
    with output.logged(workspace, "export"), reporter(output.quiet) as view:
        found = opened_dataset(workspace, settings, view)
        written = export_dataset(found, target, split or [], view, scans_folder(settings))
        remember_dataset(workspace, found, settings)
    typer.echo(f"{written} cases in {target / 'images'}, lesion masks in {target / 'labels'}")
    typer.echo(f"next, with a map for each test case: bench evaluate MAPS --dataset {found.name} --method-name NAME")


@command("simulate-lesions")
def simulate_lesions(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder of healthy scans with BIDS names.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write images and lesion masks to.")],
    lesions: LesionOptions,
    channels: options.ChannelNames = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the lesions.")] = 0,
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Put simulated lesions into your healthy scans and write images and masks."""
    from bench.cli.console import reporter
    from datasets.simulate import simulate_folder

    output.check()
    remove_leftovers(target)
    chosen = options.chosen_channels(channels)
    with output.logged(workspace, "simulate-lesions"), reporter(output.quiet) as view:
        written = simulate_folder(source, target, lesion_settings(lesions), seed, view, chosen)
    typer.echo(f"{written} subjects with lesions in {target}")
