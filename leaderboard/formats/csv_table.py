"""CSV for programs and spreadsheets, with every number at full precision."""

from leaderboard.format import Format
from leaderboard.sharing import csv_cell, decimal_mark
from leaderboard.table import Table


def as_csv(table: Table, separator: str = ",") -> str:
    """One line per row, with the columns of `Table.to_frame`; text like a formula begins with an apostrophe.

    separator: of columns; a semicolon goes with decimal commas.
    """
    text: str = (
        table.to_frame()
        .map(csv_cell)
        .to_csv(index=False, lineterminator="\n", sep=separator, decimal=decimal_mark(separator))
    )
    return text


CSV = Format("csv", write_table=as_csv, write_separated=as_csv)
