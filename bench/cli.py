"""The command `bench`. Heavy imports stand inside the commands, so that `bench --help` answers at once."""

from bench import cli_maps, cli_runs, cli_tables
from bench.app import app

COMMANDS = (cli_runs, cli_maps, cli_tables)  # importing them registers their commands


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
