"""The command line's options, each written once, in groups that a command takes as one parameter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.config_file import take_options
from bench.errors import BenchError, shortened
from bench.runs.workspace import Workspace

if TYPE_CHECKING:
    from bench.results import RunResult
    from bench.runs.choice import Choice
    from leaderboard.selection import BoardChoice
    from metrics.metric import Metric
    from metrics.protocol import Protocol

METHODS = "Methods"
MOST_SEEDS = 1000  # in one range: more are a slip


def of_use(count: int | None) -> int | None:
    """Refuses more threads or workers than this machine could make use of: it would fail at starting them."""
    from bench.machine.threads import most_at_once

    if count is not None and count > most_at_once():
        raise typer.BadParameter(f"{count} is more than this machine has use for: take at most {most_at_once()}.")
    return count


def seeds(text: str) -> tuple[int, ...]:
    """(0, 1, 2, 7) of "0-2,7", each once; BenchError for anything else."""
    found: list[int] = []
    for part in text.split(","):
        numbers = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        first, last = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (1, 0)
        if last < first or last - first >= MOST_SEEDS:
            raise BenchError(f"--seed {shortened(text)}: give one seed, a range as 0-4, or several as 0,2,7.")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


def _seeds_there(text: str) -> str:
    """Refuses what are no seeds."""
    try:
        seeds(text)
    except BenchError as problem:
        raise typer.BadParameter(str(problem)) from None
    return text


Preset = Literal["cpu", "gpu", "paper"]
DEFAULT_PRESET: Preset = "cpu"
MethodNames = Annotated[
    list[str] | None,
    typer.Option("--method", help="A method's name; repeat it, or say all.", rich_help_panel=METHODS),
]
WorkspaceFolder = Annotated[
    Workspace,
    typer.Option(
        "--workspace",
        envvar="BENCH_WORKSPACE",
        metavar="DIR",
        help="Where everything is kept.",
        parser=lambda given: given if isinstance(given, Workspace) else Workspace(Path(given)),
    ),
]
ChannelNames = Annotated[
    str | None,
    typer.Option("--channels", metavar="T1w,FLAIR", help="Contrasts to use, parted by commas; all if not given."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes the GPU if there is one.")]
Threads = Annotated[
    int | None, typer.Option(min=1, callback=of_use, help="CPU threads; found by timing when not given.")
]
DEFAULT_WORKSPACE = Workspace(Path(".bench"))


@dataclass(frozen=True)
class MethodOptions:
    """Which methods, with which settings, and what they compute on."""

    method: MethodNames = None
    preset: Annotated[Preset, typer.Option(help="Budget of the methods.", rich_help_panel=METHODS)] = DEFAULT_PRESET
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting, as patches.blocks=8; 8,16 for a run each.",
            rich_help_panel=METHODS,
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            is_eager=True,
            callback=take_options,
            help="YAML file: method -> settings, and any of these options.",
            rich_help_panel=METHODS,
        ),
    ] = None
    seed: Annotated[
        str,
        typer.Option(
            metavar="N|A-B|A,B,...",
            callback=_seeds_there,
            help="Seeds of training and scoring, a run for each: 0, or 0-4, or 0,2,7.",
            rich_help_panel=METHODS,
        ),
    ] = "0"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="auto takes the GPU if there is one.", rich_help_panel=METHODS),
    ] = "auto"
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, callback=of_use, help="CPU threads; found by timing when not given.", rich_help_panel=METHODS
        ),
    ] = None

    def choice(self) -> "Choice":
        """What `bench.runs.run` takes; BenchError at once for a method that there is not."""
        from bench.runs.choice import Choice

        choice = Choice(
            methods=tuple(self.method or ["spatial-msma"]),
            preset=self.preset,
            config_file=self.config,
            pairs=tuple(self.pairs or []),
            seeds=seeds(self.seed),
            device=self.device,
            options_are_read=True,
        )
        choice.check_names()
        return choice


@dataclass(frozen=True)
class EvaluationOptions:
    """How maps become numbers."""

    protocol: Annotated[str, typer.Option(help="How maps become numbers: paper, authors-code, ...")] = "paper"
    workers: Annotated[
        int | None,
        typer.Option(min=1, callback=of_use, help="Cases to evaluate at the same time; all cores if not given."),
    ] = None
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Measure this, too, as `bench metrics` names it; repeat it, or say all."),
    ] = None
    log_subject_ids: Annotated[
        bool, typer.Option("--log-subject-ids", help="Name cases in MLflow as the data do; numbered if not given.")
    ] = False

    def chosen_protocol(self) -> "Protocol":
        """The protocol of that name; BenchError when there is none."""
        return chosen_protocol(self.protocol)

    def chosen_metrics(self) -> "tuple[Metric, ...]":
        """The metrics of every run and those asked for; BenchError when there is none of that name."""
        from leaderboard.known_metrics import to_measure

        return to_measure(self.metric or ())


@dataclass(frozen=True)
class BoardOptions:
    """Which board of a workspace, and which of its metrics."""

    dataset: Annotated[str | None, typer.Option(help="A dataset's name; the newest run's if not given.")] = None
    fingerprint: Annotated[str | None, typer.Option(help="Start of a dataset's fingerprint.")] = None
    protocol: Annotated[str | None, typer.Option(help="A protocol's name.")] = None

    def choice(self) -> "BoardChoice":
        """What `leaderboard` takes."""
        from leaderboard.selection import BoardChoice

        return BoardChoice(self.dataset, self.fingerprint, self.protocol)


def chosen_protocol(name: str) -> "Protocol":
    """The protocol of that name; raises BenchError that names the nearest."""
    from metrics.protocol import protocol

    try:
        return protocol(name)
    except ValueError as error:
        raise BenchError(str(error)) from error


def chosen_channels(given: str | None) -> tuple[str, ...] | None:
    """The channels of that option, None where it is not given; BenchError for others than there are."""
    if given is None:
        return None
    from datasets import channels

    return channels.chosen_channels(given)


def set_up_processor(threads: int | None) -> None:
    """Use this many CPU threads, or as many as timing finds best, and keep memory that is freed."""
    import torch

    from bench.machine.memory import keep_freed_memory
    from bench.machine.threads import choose_threads

    keep_freed_memory()
    if threads is None:
        choose_threads()
    else:
        torch.set_num_threads(threads)


def exit_unless_complete(results: "Sequence[RunResult]", left_out: Sequence[str] = ()) -> None:
    """Exit code 1 when a run failed or lacks cases; one that was skipped, since it cannot run here, is complete.

    left_out: why runs have no result at all; said here.
    """
    for why in left_out:
        typer.echo(f"left out: {why}", err=True)
    if left_out or any(
        result.status != "skipped" and (result.status == "failed" or result.n < result.of) for result in results
    ):
        raise typer.Exit(1)
