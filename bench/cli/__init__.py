"""The command `bench`. Heavy imports stand inside the commands, so that `bench --help` answers at once."""

import sys

try:
    from bench.cli import (
        contributing,
        environment,
        maps,
        models,
        predicting,
        preparing,
        report,
        running,
        sharing,
        tables,
    )
    from bench.cli.app import app
except KeyboardInterrupt:  # nothing was begun yet
    sys.exit(130)

# importing them registers their commands
COMMANDS = (running, predicting, preparing, models, maps, tables, report, sharing, contributing)


def main() -> None:
    """Entry point of the console script."""
    environment.prepare_streams()
    code: str | int | None = 0
    try:
        app()
    except SystemExit as end:
        code = end.code
    except (Exception, KeyboardInterrupt) as error:  # outside of a command, as in --help
        stop = environment.stop_for(error)
        if stop is None:
            raise
        environment.tell(stop.sentence or "")
        code = stop.code
    stop = environment.finish_streams()
    if stop is not None and not code:
        code = stop.code
        if stop.sentence:
            environment.tell(stop.sentence)
    sys.exit(code)
