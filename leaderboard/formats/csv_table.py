"""CSV for programs, with every number at full precision."""

from leaderboard.format import Format
from leaderboard.sharing import csv_cell
from leaderboard.table import Table


def as_csv(table: Table) -> str:
    """One line per row, with the columns of `Table.to_frame`; text like a formula begins with an apostrophe."""
    text: str = table.to_frame().map(csv_cell).to_csv(index=False, lineterminator="\n")
    return text


CSV = Format("csv", write_table=as_csv)
