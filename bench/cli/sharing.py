"""Commands about results that are handed on: verify, merge, submit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.app import app, command
from bench.cli.environment import MENDABLE, tell
from bench.cli.options import DEFAULT_WORKSPACE, BoardOptions
from bench.cli.output import OutputOptions
from bench.errors import BenchError
from bench.reporting import LOG

if TYPE_CHECKING:
    from bench.results import RunResult
    from bench.runs.shared_results import Claim
    from bench.runs.workspace import Workspace

SUBMISSIONS = Path("leaderboard", "submissions")

results = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Results of other workspaces and machines: verify them, merge them.",
)
app.add_typer(results, name="results")

Sources = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[SOURCES]...", help="Workspaces, folders of submissions, or single files of results."),
]


@command("verify", results)
def verify(
    output: OutputOptions, sources: Sources = None, workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE
) -> None:
    """Check results: schema, versions, protocol and dataset hashes, means against cases; the workspace's own if none
    are named."""
    from bench.cli.console import reporter

    with output.logged(workspace, "results-verify"), reporter(output.quiet) as view:
        sound, refused = _checked(sources or [workspace.path], workspace)
        for one in sound:
            view.say(f"sound: {one.path}{'' if one.dataset else ' (but for its dataset, which is not here)'}")
        _end(f"{len(sound)} sound", refused)


@command("merge", results)
def merge(
    sources: Annotated[
        list[Path], typer.Argument(help="Workspaces, folders of submissions, or single files of results.")
    ],
    output: OutputOptions,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Take verified results of other workspaces and machines over into this one, for its boards."""
    from bench.cli.console import reporter
    from bench.runs.shared_results import merge

    with output.logged(workspace, "results-merge"), reporter(output.quiet) as view:
        sound, refused = _checked(sources, workspace, beside=True)
        written, notes = merge(workspace, sound)
        for line in (*(f"merged: {path}" for path in written), *notes):
            view.say(line)
        _end(f"{len(written)} merged, {len(notes)} here already", refused)


@command("submit")
def submit(
    result: Annotated[
        str,
        typer.Argument(metavar="RESULT", help="A run.json, the folder of a run, or a method: its run on the board."),
    ],
    board: BoardOptions,
    output: OutputOptions,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"Folder of submissions; {SUBMISSIONS} if not given.")
    ] = None,
    subject_ids: Annotated[
        bool, typer.Option("--subject-ids", help="Anybody may read the ids of the subjects in it.")
    ] = False,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Check a result and write the one file that a pull request adds to the public board."""
    from bench.cli.console import reporter
    from bench.files import write_text
    from bench.runs.shared_results import to_share

    target = to or SUBMISSIONS
    if target.exists() and not target.is_dir():
        raise BenchError(f"{target} is a file: name a folder with --to.")
    with output.logged(workspace, "submit"), reporter(output.quiet):
        for path in _run_files(result, board, workspace):
            shared = to_share(workspace, path, subject_ids)
            write_text(target / shared.file_name, shared.model_dump_json(indent=1) + "\n")
            _echo(f"wrote {target / shared.file_name}")
    typer.echo("next: add it in a pull request; docs/submitting.md says how")


def _run_files(result: str, board: BoardOptions, workspace: "Workspace") -> list[Path]:
    """run.json of what is to be submitted: one, or one for each protocol of a folder, or each seed of a row."""
    from bench.cli.tables import read_runs
    from bench.runs.workspace import RUN_FILE
    from leaderboard.compare import find_row
    from leaderboard.table import build_table

    path = Path(result).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        if found := sorted([*path.glob(RUN_FILE), *path.glob(f"results/*/{RUN_FILE}")]):
            return found
        raise BenchError(f"{path} holds no {RUN_FILE}: name the folder of a run.")
    runs = read_runs(workspace)
    row = find_row(build_table(list(runs.values()), board.choice()), result)
    return [path for path, run in runs.items() if run.key in row.run_keys]


def read_submissions(folder: Path, workspace: "Workspace") -> "dict[Path, RunResult]":
    """File -> the result, of a folder of submissions; BenchError for the first that is not sound."""
    sound, refused = _checked([folder], workspace)
    if refused:
        raise BenchError(f"refused: {refused[0]}")
    return {one.path.absolute(): one.run for one in sound}


def _checked(sources: list[Path], workspace: "Workspace", beside: bool = False) -> "tuple[list[Claim], list[str]]":
    """What is sound and why the rest is not. beside: it must agree with the workspace's own results, too."""
    from bench.cli.tables import read_runs
    from bench.runs.shared_results import claims, verified

    known = list(read_runs(workspace).values()) if beside else []
    found = [one for source in sources for one in claims(source.expanduser(), workspace.datasets)]
    return verified(found, known)


def _echo(line: str) -> None:
    """Show a line in any case, and log it."""
    typer.echo(line)
    LOG.info("%s", line)


def _end(summary: str, refused: list[str]) -> None:
    """The last line; exit code 2 when something was refused."""
    for why in refused:
        tell(f"refused: {why}")
        LOG.info("refused: %s", why)
    _echo(f"{summary}, {len(refused)} refused")
    if refused:
        raise typer.Exit(MENDABLE)
