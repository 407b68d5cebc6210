"""The command that looks at somebody's scans: predict."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.cluster_options import ClusterOptions
from bench.cli.options import DEFAULT_WORKSPACE
from bench.cli.output import OutputOptions
from bench.errors import BenchError


@command("predict")
def predict(
    scans: Annotated[list[Path], typer.Argument(metavar="SCANS...", help="Scans, folders of scans, BIDS folders.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write maps, masks and the page to.")],
    where: ClusterOptions,
    model: Annotated[str, typer.Option(help="A model's name, see `bench models`, or its folder.")],
    fpr: Annotated[
        float, typer.Option(help="Mark what this share of healthy brain voxels exceeds: 0.05 or 0.01.")
    ] = 0.01,
    align: Annotated[
        Literal["auto", "none", "affine"],
        typer.Option(help="auto: align brains that lie elsewhere than the training brains."),
    ] = "auto",
    device: options.Device = "auto",
    threads: options.Threads = None,
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Show where scans are unusual: anomaly map, mask, figures and picture of each, one page of all.

    Nothing is learned, no label is needed, and nothing of the scans is changed. Stopped, the same command goes on.
    """
    where.check()
    output.check()
    if target.suffix.lower() in (".nii", ".gz"):
        raise BenchError(f"OUT is {target}, which is called like a scan: name the folder to write to last.")

    from bench.cli.console import reporter
    from bench.models.library import named_model
    from bench.predicting.output import Predictions
    from bench.predicting.predict import Answers, Job
    from bench.predicting.predict import predict as predict_scans
    from bench.temporary import remove_leftovers

    chosen = named_model(workspace, model)
    options.set_up_processor(threads)
    remove_leftovers(target)
    # models need no workspace, and where there is none a log begins none
    with_log = output.logged(workspace if workspace.path.is_dir() else None, "predict")
    with with_log, reporter(output.quiet) as view, where.backend(threads) as backend:
        answers: Answers | None = None
        if where.cluster:
            from bench.cluster.backend import RayBackend
            from bench.cluster.predicting import answers_of_workers

            assert isinstance(backend, RayBackend)
            chosen = replace(chosen, folder=chosen.folder.absolute())
            scans, target = [path.absolute() for path in scans], target.absolute()
            answers = partial(answers_of_workers, backend)
        job = Job(Predictions(target), chosen, fpr, align, backend.device(device))
        predicted = predict_scans(scans, job, view, answers)
    before = len(predicted.done) - predicted.new
    already = f", {before} of them before" if before else ""
    many = f"{len(predicted.done)} scan{'' if len(predicted.done) == 1 else 's'}"
    typer.echo(f"{many} predicted{already}; see {target / 'index.html'}")
    if predicted.set_aside:
        typer.echo(f"{len(predicted.set_aside)} set aside, as said above", err=True)
        raise typer.Exit(1)
