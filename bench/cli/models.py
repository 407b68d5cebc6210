"""Commands about models: list, show, export, fetch, send."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.app import app, command, guarded
from bench.cli.options import DEFAULT_WORKSPACE
from bench.cli.output import OutputOptions

models = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(models, name="models")


def list_models(context: typer.Context, workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE) -> None:
    """Models by name: list them; or show one, make one of a run, fetch or send one."""
    if context.invoked_subcommand is None:
        from bench.cli.listing import print_models

        print_models(workspace)


models.callback(invoke_without_command=True)(guarded(list_models))


@command("show", models)
def show(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Show a model's card: what it learned from, thresholds, licence."""
    from bench.models.card import card_text
    from bench.models.library import named_model

    card = card_text(named_model(workspace, name).manifest)
    typer.echo(card.split("---\n", 2)[2], nl=False)


@command("export", models)
def export(
    run: Annotated[str, typer.Argument(help="Folder of a run, or a method: its newest run.")],
    name: Annotated[str, typer.Option(help="What --model is to take.")],
    licence: Annotated[str, typer.Option("--licence", help="Of the weights, as Apache-2.0 or CC-BY-SA-3.0.")],
    attribution: Annotated[str, typer.Option(help="Who is to be named with the weights.")] = "",
    cohort: Annotated[str, typer.Option(help="Whom it learned from, in words.")] = "",
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The model's folder; models/NAME in the workspace.")
    ] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    output: OutputOptions = OutputOptions(),  # noqa: B008
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Make a model of a finished run: its trained parts, with thresholds and scores of healthy validation scans."""
    from bench.cli.console import reporter
    from bench.models.export import Labels, export_model, found_run
    from bench.models.registry import register_model
    from bench.runs.bench import Bench
    from bench.runs.choice import chosen_device

    output.check()
    options.set_up_processor(threads)
    workspace.remove_leftovers()
    target = to or workspace.models / name
    with output.logged(workspace, "models-export"), reporter(output.quiet) as view:
        folder = found_run(workspace, run)
        labels = Labels(name, licence, attribution, cohort)
        bench = Bench(workspace, view)
        manifest = export_model(bench, folder, labels, target, chosen_device(device))
        version = register_model(bench, folder, manifest, target)
    typer.echo(f"{manifest.name}: {target}, {len(manifest.parts)} trained parts of {folder}")
    if version:
        typer.echo(f"MLflow: registered model {manifest.name}, version {version}; {bench.tracker.last_line()}")
    typer.echo(f"next: bench predict SCANS OUT --model {manifest.name if to is None else target}")


@command("pull", models)
def pull(
    model_id: Annotated[str, typer.Argument(metavar="ID", help="Of a hub, as somebody/ixi-t1w.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit; the newest if not given.")] = None,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Fetch a model from a hub into the workspace (extra `hub`)."""
    from bench.models.hub import pulled

    model = pulled(model_id, workspace.models, revision)
    typer.echo(f"{model.manifest.name}: {model.folder}, {model.manifest.licence}")
    typer.echo(f"next: bench predict SCANS OUT --model {model.manifest.name}")


@command("push", models)
def push(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    model_id: Annotated[str, typer.Argument(metavar="ID", help="Of a hub, as somebody/ixi-t1w.")],
    public: Annotated[bool, typer.Option("--public", help="Show it to everybody at once.")] = False,
    workspace: options.WorkspaceFolder = DEFAULT_WORKSPACE,
) -> None:
    """Send a model to a hub (extra `hub`); you alone see it there unless --public."""
    from bench.models.hub import pushed
    from bench.models.library import named_model

    typer.echo(pushed(named_model(workspace, name), model_id, private=not public))
