"""A table as text cells, the step that all printed formats share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from leaderboard.costs import COSTS, CostColumn
from leaderboard.ranking import DIGITS
from leaderboard.row import Cell, Row
from leaderboard.table import UPPER_BOUND, Table
from metrics.metric import Metric

ARROWS = {"lower": "↓", "higher": "↑"}
REPORTED = "†"
NOTHING = "–"
SETTINGS_SHOWN = 3
SETTINGS_SHORT = 2
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class TextCell:
    """text: one line or two. bold: the best of its column. quiet: a trivial baseline, or a row unranked.

    short: the same in less width, for formats that have little; empty where there is nothing shorter.
    """

    text: str
    bold: bool = False
    quiet: bool = False
    short: str = ""

    @property
    def one_line(self) -> str:
        """The text without a line break."""
        return self.text.replace("\n", ", ")


@dataclass(frozen=True)
class Heading:
    """Title with arrow, unit beneath it, and on which side the column's cells stand."""

    title: str
    unit: str = ""
    align: Literal["left", "right"] = "right"

    @property
    def text(self) -> str:
        """Title and unit in one line."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Grid:
    """Headings and two groups of rows: measured here, and reported by the paper.

    short_title: for formats whose cells are short.
    """

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[TextCell, ...], ...]
    paper_rows: tuple[tuple[TextCell, ...], ...] = ()
    short_title: str = ""


def grids(table: Table, statistics: bool = False, costs: bool = False) -> list[Grid]:
    """The main grid, then on request the statistics and the costs."""
    found = [_results(table)]
    if statistics:
        found.append(_statistics(table))
    if costs:
        found.append(_costs(table))
    return found


def header_lines(table: Table) -> list[str]:
    """Dataset, lesions and protocol, as sentences."""
    facts = [f"{table.dataset} {table.dataset_fingerprint[:8]}", ", ".join(table.channels)]
    facts += [f"{key}: {value}" for key, value in table.dataset_description.items()]
    lines = [" · ".join(fact for fact in facts if fact), f"protocol {table.protocol}"]
    if table.oracle:
        lines[1] += f" ({UPPER_BOUND})"
    return lines


def caption(table: Table) -> str:
    """Dataset, lesions, protocol and what the numbers are, in a sentence or two."""
    n = max((row.of for row in table.rows), default=0)
    lesions = f" ({table.lesions})" if table.lesions else ""
    bound = f", {UPPER_BOUND}" if table.oracle else ""
    return (
        f"{table.dataset} {table.dataset_fingerprint[:8]}{lesions}, protocol {table.protocol}{bound}. "
        f"Mean ± standard error over {n} cases"
    )


def footer_lines(table: Table) -> list[str]:
    """How to read the table, what is missing from it, and where the reported rows come from."""
    lines = ["mean ± standard error over cases; n/N: cases scored of all; #: place by Borda count"]
    if table.paper_rows:
        lines.append(f"{REPORTED} reported, not measured here: {table.paper_source}")
    return lines + list(table.notes)


def heading(metric: Metric) -> Heading:
    """Such as "99-HD ↓" with unit "voxels"."""
    return Heading(f"{metric.title} {ARROWS[metric.direction]}" if metric.direction else metric.title, metric.unit)


def number(value: float | None, digits: int = DIGITS) -> str:
    """Fixed digits, or a dash."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def name(row: Row) -> str:
    """The method's name, what differs from its other rows, whether it comes from elsewhere, and whether it
    failed or was skipped."""
    settings = [f"{key}={value}" for key, value in row.differences.items()]
    if len(settings) > SETTINGS_SHOWN:
        settings[SETTINGS_SHOWN - 1 :] = [f"and {len(settings) - SETTINGS_SHOWN + 1} more"]
    external = "(external)" if row.external else ""
    no_result = f"({row.status})" if row.status in ("failed", "skipped") else ""
    return " ".join(part for part in (row.method, ", ".join(settings), external, no_result) if part)


def _name_cell(row: Row) -> TextCell:
    """The name in full and, in less width, with the settings' last words on a line of their own."""
    full = name(row)
    settings = [f"{key.rpartition('.')[2]}={value}" for key, value in row.differences.items()]
    shown = settings[:SETTINGS_SHORT] + (["..."] if len(settings) > SETTINGS_SHORT else [])
    kind = " (external)" if row.external else f" ({row.status})" if row.status in ("failed", "skipped") else ""
    return TextCell(full, short="\n".join([f"{row.method}{kind}", *(f"  {one}" for one in shown)]))


def _row(row: Row, texts: Sequence[str | TextCell]) -> tuple[TextCell, ...]:
    quiet = row.baseline or row.place is None
    cells = (text if isinstance(text, TextCell) else TextCell(text) for text in texts)
    return tuple(replace(cell, quiet=quiet and not cell.bold) for cell in cells)


def mean_and_se(cell: Cell | None) -> TextCell:
    if cell is None or cell.mean is None:
        return TextCell(NOTHING)
    text = number(cell.mean) if cell.se is None else f"{number(cell.mean)} ± {number(cell.se)}"
    return TextCell(text, bold=cell.best)


def _results(table: Table) -> Grid:
    def texts(row: Row) -> list[str | TextCell]:
        place = REPORTED if row.status == "reported" else NOTHING if row.place is None else str(row.place)
        counts = f"{row.n}/{row.of}"
        return [place, _name_cell(row), counts, *(mean_and_se(row.cells.get(m.name)) for m in table.metrics)]

    return Grid(
        title="Results",
        headings=(
            Heading("#"),
            Heading("method", align="left"),
            Heading("n/N"),
            *(heading(metric) for metric in table.metrics),
        ),
        rows=tuple(_row(row, texts(row)) for row in table.rows),
        paper_rows=tuple(_row(row, texts(row)) for row in table.paper_rows),
    )


def _statistics(table: Table) -> Grid:
    def interval_and_test(cell: Cell) -> TextCell:
        if cell.interval is None:
            return TextCell(NOTHING)
        low, high = number(cell.interval.low), number(cell.interval.high)
        text = f"{low} to {high}"
        return TextCell(
            text if cell.p_value is None else f"{text}\n{p_text(cell.p_value)}",
            short=f"{low}–{high}{p_mark(cell.p_value)}",
        )

    def places(row: Row) -> str:
        if row.place_interval is None:
            return NOTHING
        low, high = row.place_interval.low, row.place_interval.high
        return f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"

    return Grid(
        title="95 % bootstrap intervals; p: paired Wilcoxon test against the first row, Holm-corrected",
        headings=(
            Heading("place"),
            Heading("method", align="left"),
            *(heading(metric) for metric in table.metrics),
        ),
        rows=tuple(
            _row(
                row,
                [places(row), _name_cell(row), *(interval_and_test(row.cells[m.name]) for m in table.metrics)],
            )
            for row in table.rows
        ),
        short_title="95 % bootstrap intervals; stars: paired Wilcoxon test against the first row, Holm-corrected, "
        "* p < 0.05, ** p < 0.01, *** p < 0.001",
    )


def p_mark(p_value: float | None) -> str:
    """Stars as in papers: * below 0.05, ** below 0.01, *** below 0.001."""
    return next((stars for limit, stars in STARS if p_value is not None and p_value < limit), "")


def p_text(p_value: float) -> str:
    """Such as "p = 0.031" or "p < 0.001"."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def _costs(table: Table) -> Grid:
    def text(row: Row, column: CostColumn) -> str:
        value = row.costs.get(column.name)
        return number(value / column.scale, column.digits) if isinstance(value, int | float) else value or NOTHING

    return Grid(
        title="Costs",
        headings=(
            Heading("method", align="left"),
            *(Heading(c.label, c.unit, "right" if c.is_number else "left") for c in COSTS),
        ),
        rows=tuple(_row(row, [_name_cell(row), *(text(row, column) for column in COSTS)]) for row in table.rows),
    )
