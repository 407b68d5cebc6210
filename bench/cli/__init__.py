"""The command `bench`. Heavy imports stand inside the commands, so that `bench --help` answers at once."""

from bench.cli import contributing, maps, running, tables
from bench.cli.app import app

COMMANDS = (running, maps, tables, contributing)  # importing them registers their commands


def main() -> None:
    """Entry point of the console script."""
    app()
