"""The Typer application, how its commands take options in groups, and how they fail: in sentences."""

import functools
import inspect
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from bench.cli.environment import MENDABLE, stop_for, tell
from bench.errors import BenchError, shortened

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


def command(name: str, group: typer.Typer = app) -> Callable[[CommandT], CommandT]:
    """Register a command whose errors are sentences; exit code 2 for what the user can mend, 130 for Ctrl-C, 141 when
    nobody reads the output any more, 1 for mistakes of ours.

    group: what it is a command of; `bench` itself unless named.

    A parameter that is a dataclass is a group of options: each of its fields becomes one.
    """

    def decorate(function: CommandT) -> CommandT:
        group.command(name)(guarded(function))
        return function

    return decorate


def guarded(function: Callable[..., None]) -> Callable[..., None]:
    """The function with its option groups as options, and errors as sentences."""
    grouped = with_groups(function)

    def run(**given: Any) -> None:
        try:
            from bench.machine.quiet import silence_libraries
            from bench.machine.shadow import check_packages

            silence_libraries()
            check_packages()
            grouped(**{name: _at_home(value) for name, value in given.items()})
        except (typer.Exit, typer.Abort):
            raise
        except BenchError as error:
            tell(str(error))
            raise typer.Exit(MENDABLE) from None
        except (Exception, KeyboardInterrupt) as error:
            stop = stop_for(error)
            sentence = stop.sentence if stop else _unexpected(error)
            if sentence:
                tell(sentence)
            raise typer.Exit(stop.code if stop else 1) from None

    return functools.update_wrapper(run, grouped)


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


def _at_home(value: Any) -> Any:
    """A path with `~` for the home folder, which shells leave alone in --option=~/folder; other values as they are."""
    return value.expanduser() if isinstance(value, Path) else value


def _unexpected(error: BaseException) -> str:
    """A sentence for a mistake of ours; the traceback goes to a file, or along where none can be written."""
    what = f"bench failed unexpectedly ({shortened(f'{type(error).__name__}: {error}')}); please report it with"
    trace = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".log", delete=False, encoding="utf-8") as log:
            log.write(trace)
    except OSError:
        return f"{what} this:\n{trace}"
    return f"{what} {log.name}"
