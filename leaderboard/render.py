"""A table in the format asked for; each format is a file of `leaderboard/formats/`, or a plug-in."""

from types import ModuleType

from bench.discovery import Kind
from leaderboard.format import Format, View
from leaderboard.table import Table


def render(table: Table, format: str = "rich", view: View | None = None) -> str:
    """Write a table.

    Args:
        table: From `leaderboard.table.build_table`.
        format: "rich", "markdown", "latex", "html", "csv", "json", or that of a plug-in.
        view: Whether statistics and costs are shown, and on what terminal; csv and json hold everything always.

    Returns:
        Text that ends with a newline.

    Raises:
        BenchError: There is no such format; it names the nearest.
    """
    return FORMATS.get(format).render(table, view or View())


def _formats(found: object) -> list[tuple[str, Format]]:
    """The formats that a module defines, or the one that an entry point names."""
    values = vars(found).values() if isinstance(found, ModuleType) else [found]
    formats = [value for value in values if isinstance(value, Format)]
    if not formats:
        raise TypeError(f"{found!r} holds no leaderboard.format.Format")
    return [(format.name, format) for format in formats]


FORMATS = Kind("format", package="leaderboard.formats", group="bench.formats", members=_formats)
