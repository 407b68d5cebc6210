"""The Typer application, how its commands take options in groups, and how they fail: in sentences."""

import functools
import inspect
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from bench.errors import BenchError

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from bench.machine.version import commit, version

        typer.echo(f"bench {version()} ({commit() or 'commit unknown'})")
        raise typer.Exit


@app.callback()
def bench(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit.")
    ] = False,
) -> None:
    """Benchmark of unsupervised anomaly localization in brain MRI: fit, score, evaluate, compare."""


CommandT = TypeVar("CommandT", bound=Callable[..., None])


def command(name: str) -> Callable[[CommandT], CommandT]:
    """Register a command whose errors are sentences; exit code 2 for what the user can mend, 130 for Ctrl-C.

    A parameter that is a dataclass is a group of options: each of its fields becomes one.
    """

    def decorate(function: CommandT) -> CommandT:
        grouped = with_groups(function)

        def guarded(**given: Any) -> None:
            from bench.machine.quiet import silence_libraries
            from bench.machine.shadow import check_packages

            silence_libraries()
            try:
                check_packages()
                grouped(**given)
            except BenchError as error:
                typer.echo(str(error), err=True)
                raise typer.Exit(2) from None
            except KeyboardInterrupt:
                typer.echo("stopped; the same command goes on where it stopped", err=True)
                raise typer.Exit(130) from None
            except (typer.Exit, typer.Abort):
                raise
            except Exception as error:
                typer.echo(_unexpected(error), err=True)
                raise typer.Exit(1) from None

        functools.update_wrapper(guarded, grouped)
        app.command(name)(guarded)
        return function

    return decorate


def with_groups(function: Callable[..., None]) -> Callable[..., None]:
    """The function with the fields of its option groups as parameters of its own, as Typer reads them."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=hints[name]))
            continue
        kinds = get_type_hints(groups[name], include_extras=True)
        for field in fields(groups[name]):
            parameters.append(
                inspect.Parameter(
                    field.name, parameter.KEYWORD_ONLY, default=field.default, annotation=kinds[field.name]
                )
            )

    def gathered(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        function(**given)

    gathered.__doc__, gathered.__name__, gathered.__module__ = function.__doc__, function.__name__, function.__module__
    gathered.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    gathered.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return gathered


def _unexpected(error: Exception) -> str:
    """A sentence for a mistake of ours; the traceback goes to a file."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    return f"bench failed unexpectedly ({type(error).__name__}: {error}); please report it with {log.name}"
