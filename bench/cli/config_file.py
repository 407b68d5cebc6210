"""Options of a command from its `--config` file; what stands on the command line wins."""

from pathlib import Path
from typing import Any

import typer

from bench.cli.environment import MENDABLE, tell
from bench.errors import BenchError, shortened


def take_options(context: typer.Context, path: Path | None) -> Path | None:
    """Make the options in the file the command's defaults, which are then read as if they were typed.

    A callback of an eager option: it comes before the others are looked at. Mappings are settings of methods, left
    to `bench.runs.presets`.
    """
    if path is None or context.resilient_parsing:  # a shell that asks for completions
        return path
    path = path.expanduser()
    try:
        context.default_map = {**(context.default_map or {}), **_defaults(context, path)}
    except BenchError as error:
        tell(str(error))
        raise typer.Exit(MENDABLE) from None
    return path


def _defaults(context: typer.Context, path: Path) -> dict[str, Any]:
    """Parameter -> value for each option in the file. BenchError for one that there is not, or has no such value."""
    from bench.discovery import nearest
    from bench.runs.presets import file_content, option_keys

    content = file_content(path)
    options = {
        name.removeprefix("--"): parameter
        for parameter in context.command.params
        for name in parameter.opts
        if name.startswith("--") and name not in ("--config", "--help")
    }
    found: dict[str, Any] = {}
    for key in option_keys(content):
        value = content[key]
        parameter = options.get(key.replace("_", "-"))
        if parameter is None:
            known = [name for name in options if name != "help"]
            raise BenchError(
                f"{path}: bench {context.info_name} has no option {shortened(repr(key))}"
                + nearest(key, known)
                + " Settings of a method stand beneath its name."
            )
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, list | dict) for one in values):
            raise BenchError(f"{path}: {key} takes one value or a list of values: write it flat.")
        if value is None:
            continue  # as if it were not there
        assert parameter.name
        several = getattr(parameter, "multiple", False)
        found[parameter.name] = values if several else ",".join(map(str, value)) if isinstance(value, list) else value
    return found
