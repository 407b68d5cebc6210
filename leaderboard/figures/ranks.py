"""How stable places are: the share of bootstrap draws in which each method takes each place (a blob plot, as in
challengeR: Wiesenfarth and others 2021)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from leaderboard.colours import Style
from leaderboard.figures.style import INK, head, name_rows, plain
from leaderboard.row import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST = 150.0  # points², of a place taken in every draw


def place_shares(places: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float64]:
    """The share of draws in which each method takes each place: (methods, places). places: (draws, methods)."""
    return np.array([np.bincount(taken, minlength=count + 1)[1:] / len(taken) for taken in places.T])


def draw_ranks(axes: "Axes", rows: Sequence[Row], places: npt.NDArray[np.int64], styles: Mapping[str, Style]) -> None:
    """A line for each ranked row; a blob's area is the share of draws, the bar the 95 % interval, the stroke the
    median place. places: (draws, rows), from `leaderboard.ranking.place_draws`."""
    for y, (row, shares) in enumerate(zip(rows, place_shares(places, len(rows)), strict=True)):
        colour = styles[row.label].light
        if row.place_interval:
            axes.plot([row.place_interval.low, row.place_interval.high], [y, y], color=colour, linewidth=1, alpha=0.7)
        taken = np.flatnonzero(shares)
        axes.scatter(taken + 1, [y] * len(taken), s=LARGEST * shares[taken], color=colour, linewidths=0, zorder=3)
        middle = float(np.median(places[:, y]))
        axes.plot([middle, middle], [y - 0.34, y + 0.34], color=INK, linewidth=1.1, zorder=4)
    name_rows(axes, rows)
    axes.set(xlabel=f"place, over {len(places)} bootstrap draws of the cases", xlim=(0.5, len(rows) + 0.5))
    axes.set_xticks(range(1, len(rows) + 1))
    head(axes, "Rank stability")
    plain(axes, "x")
