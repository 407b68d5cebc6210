"""The Typer application and how its commands fail: in sentences."""

import functools
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from bench.errors import BenchError

DEFAULT_WORKSPACE = Path(".bench")

app = typer.Typer(
    help="Benchmark of unsupervised anomaly localization in brain MRI: fit, score, evaluate, compare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CommandT = TypeVar("CommandT", bound=Callable[..., None])


def command(name: str) -> Callable[[CommandT], CommandT]:
    """Register a command whose errors are sentences; exit code 2 for what the user can mend, 130 for Ctrl-C."""

    def decorate(function: CommandT) -> CommandT:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> None:
            from bench.shadow import check_packages

            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # other libraries' warnings say nothing to our users
            try:
                check_packages()
                function(*args, **kwargs)
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

        app.command(name)(guarded)
        return function

    return decorate


def _unexpected(error: Exception) -> str:
    """A sentence for a mistake of ours; the traceback goes to a file."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    return f"bench failed unexpectedly ({type(error).__name__}: {error}); please report it with {log.name}"
