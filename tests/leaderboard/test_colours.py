"""A method keeps its colour, whoever stands beside it."""

import itertools

from leaderboard.colours import BASELINES, METHODS, OTHERS, row_styles, style_of
from leaderboard.table import build_table


def test_a_colour_does_not_depend_on_who_else_is_there(make_run) -> None:
    alone = row_styles(build_table([make_run("ae", tpr=[0.5])], metrics=["tpr"]).rows)
    others = [make_run(name, tpr=[0.5]) for name in ("zscore", "ae", "mine", "inpaint")]
    among = row_styles(build_table(others, metrics=["tpr"]).rows)
    assert among["ae"] == alone["ae"] == METHODS["ae"]
    assert among["mine"] == style_of("mine") in OTHERS


def test_rows_of_one_method_share_its_colour_and_differ_in_their_mark(make_run) -> None:
    runs = [make_run("ae", {"width": width}, tpr=[width / 10]) for width in (1, 2)]
    styles = row_styles(build_table(runs, metrics=["tpr"]).rows)
    first, second = styles["ae:width=1"], styles["ae:width=2"]
    assert (first.light, first.hollow, second.light, second.hollow) == (second.light, False, first.light, True)
    swapped = [make_run("ae", {"width": width}, tpr=[1 - width / 10]) for width in (1, 2)]
    assert row_styles(build_table(swapped, metrics=["tpr"]).rows) == styles  # whoever wins


def test_baselines_are_greys_and_no_two_methods_look_alike() -> None:
    for style in BASELINES.values():
        assert len({style.light[i : i + 2] for i in (1, 3, 5)}) == 1
    seen = [(style.light, style.mark) for style in (*METHODS.values(), *BASELINES.values(), *OTHERS)]
    assert all(a[0] != b[0] for a, b in itertools.combinations(seen, 2))
