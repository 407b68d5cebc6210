"""The command that makes scans of raw heads."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli import options
from bench.cli.app import command
from bench.cli.options import DEFAULT_WORKSPACE
from bench.cli.output import OutputOptions
from bench.errors import BenchError
from bench.temporary import remove_leftovers


@command("prepare")
def prepare(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder of raw scans with BIDS names.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write prepared scans to.")],
    bias_correction: Annotated[bool, typer.Option(help="Divide images by their bias field (N4).")] = True,
    extraction: Annotated[
        Literal["auto", "deepbet"],
        typer.Option(help="auto: masks that are there, and deepbet where there is none; deepbet: always."),
    ] = "auto",
    channels: options.ChannelNames = None,
    part: Annotated[
        str, typer.Option(metavar="K/N", help="Only every N-th subject from the K-th on: N commands share the work.")
    ] = "1/1",
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Of deepbet; auto takes the GPU if there is one.")
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, callback=options.of_use, help="CPU threads; found by timing when not given."),
    ] = None,
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Prepare raw heads: brain extraction, bias field, contrasts to T1w, T1w to ICBM152, 2 mm; a page of pictures."""
    output.check()
    chosen_part = _part(part)

    import torch

    from bench.cli.console import reporter
    from datasets.prepare import PAGE, prepare_folder
    from datasets.preparing.heads import HeadSettings

    options.set_up_processor(threads)
    remove_leftovers(target)
    settings = HeadSettings(
        bias_correction=bias_correction, extraction=extraction, channels=options.chosen_channels(channels)
    )
    on = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    with output.logged(workspace, "prepare"), reporter(output.quiet) as view:
        outcome = prepare_folder(source, target, settings, view, chosen_part, on)
    before = outcome.prepared - outcome.new
    typer.echo(f"{outcome.prepared} heads in {target}" + (f", {before} of them from before" if before else ""))
    typer.echo(f"look at them: {target / PAGE}")
    if outcome.set_aside:
        typer.echo(f"{len(outcome.set_aside)} set aside; the same command tries them again")
        raise typer.Exit(1)


def _part(text: str) -> tuple[int, int]:
    """(K, N) of "K/N". BenchError for anything else."""
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BenchError(f"--part {text} should read K/N, such as 1/4, K from 1 to N.")
    return int(found[1]), int(found[2])
