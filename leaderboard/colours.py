"""One colour and one mark for each method, the same in every figure and on every page.

Colours are told apart with the common kinds of colour blindness (Okabe and Ito 2008, three of Paul Tol's "muted");
trivial baselines are greys, which differ in their marks as well. A method that is not listed here takes what the hash
of its name says, so that it keeps its colour whoever stands beside it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from leaderboard.row import Row


@dataclass(frozen=True)
class Style:
    """How a method is drawn.

    light, dark: colour on a light and on a dark page. mark: of matplotlib. dashes: of its lines. hollow: the mark is a
    ring, for the second row of a method and those after it.
    """

    light: str
    dark: str
    mark: str = "o"
    dashes: tuple[float, ...] = ()
    hollow: bool = False


METHODS = {
    "spatial-msma": Style("#0072b2", "#4aa8e0"),
    "gradcam-msma": Style("#56b4e9", "#9ad4f5", "s"),
    "restoration": Style("#009e73", "#2fc79b", "^"),
    "inpaint": Style("#e69f00", "#f2b632", "D"),
    "ae": Style("#d55e00", "#f08240", "v"),
    "dae": Style("#cc79a7", "#e39cc3", "P"),
    "andi": Style("#882255", "#c7629a", "X"),
    "patchcore": Style("#999933", "#c3c35a", "p"),
}
BASELINES = {
    "zscore": Style("#4d4d4d", "#d0d0d0", "o", (4, 1.5)),
    "highpass": Style("#7f7f7f", "#a0a0a0", "s", (1, 1.2)),
    "random": Style("#b0b0b0", "#707070", "^", (5, 1.5, 1, 1.5)),
}
OTHERS = (
    Style("#332288", "#8d7fe0", "h"),
    Style("#44aa99", "#6fd0c0", "<"),
    Style("#aa4499", "#d67fc8", ">"),
    Style("#117733", "#4fb874", "d"),
    Style("#661100", "#c2674f", "*"),
)
OTHER_BASELINE = Style("#959595", "#8a8a8a", "D", (2, 2))
VARIANT_DASHES = (2.5, 1.2)


def style_of(method: str, baseline: bool = False) -> Style:
    """The style of a method, by its name alone; an unlisted baseline is grey."""
    known = METHODS.get(method) or BASELINES.get(method)
    if known:
        return known
    if baseline:
        return OTHER_BASELINE
    return OTHERS[hashlib.sha256(method.encode()).digest()[0] % len(OTHERS)]


def row_styles(rows: Iterable[Row]) -> dict[str, Style]:
    """Row label -> style. Rows of one method share its colour; those after the first are hollow and dashed.

    Which row is the first does not depend on who wins: it is the one with the first label.
    """
    styles: dict[str, Style] = {}
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: row.label):
        style = style_of(row.method, row.baseline)
        styles[row.label] = replace(style, hollow=True, dashes=VARIANT_DASHES) if row.method in seen else style
        seen.add(row.method)
    return styles
