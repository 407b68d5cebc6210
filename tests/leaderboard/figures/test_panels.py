"""What the panels of a board are drawn from, by hand."""

import numpy as np
import pytest

from leaderboard.colours import row_styles
from leaderboard.figures.differences import differences, draw_differences
from leaderboard.figures.intervals import draw_intervals
from leaderboard.figures.ranks import draw_ranks, place_shares
from leaderboard.figures.style import panels, what_is_shown
from leaderboard.figures.tradeoff import draw_tradeoff
from leaderboard.ranking import place_draws
from leaderboard.table import Table, build_table


@pytest.fixture
def table(make_run) -> Table:
    runs = [
        make_run("a", tpr=[0.9, 0.7, 0.8], runtime_s_per_case=1.0),
        make_run("b", tpr=[0.5, 0.4, 0.3]),
        make_run("c", tpr=[0.1], of=3),
    ]
    return build_table(runs, metrics=["tpr"])


def test_shares_of_places() -> None:
    places = np.array([[1, 2], [1, 2], [2, 1], [1, 1]])
    assert place_shares(places, 2).tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_places_over_draws_are_those_of_the_table(table: Table) -> None:
    ranked = [row for row in table.rows if row.place is not None]
    places = place_draws(ranked, table.metrics)
    assert places.shape == (2000, 2)
    assert (places == [1, 2]).all()  # every case of a is better than every case of b


def test_differences_are_to_the_first_over_cases_that_both_have(table: Table) -> None:
    found = differences(table.rows, table.rows[0], table.metrics[0])
    assert list(found) == ["b", "c"]
    assert found["b"].mean == pytest.approx(-0.4)
    assert found["b"].n == 3
    assert found["c"].mean == pytest.approx(-0.8)
    assert (found["c"].n, found["c"].interval, found["c"].p_value) == (1, None, None)


def test_panels_draw_what_there_is(table: Table) -> None:
    figure, axes = panels(4)
    rows, metric, styles = table.rows, table.metrics[0], row_styles(table.rows)
    draw_intervals(axes[0], rows, metric, styles)
    draw_ranks(axes[1], rows[:2], place_draws(rows[:2], table.metrics), styles)
    draw_differences(axes[2], rows, rows[0], metric, styles, differences(rows, rows[0], metric))
    draw_tradeoff(axes[3], rows, metric, styles)
    figure.canvas.draw()
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert axes[3].get_legend_handles_labels()[1] == ["a"]  # what others take is not known


def test_the_line_on_top_says_what_is_shown(table: Table) -> None:
    assert what_is_shown(table) == (
        "phantom 01234567 · paper · protocol paper@1 (oracle: an upper bound) · n = 3 cases"
    )
