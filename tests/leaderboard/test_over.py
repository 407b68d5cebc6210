"""Boards beside each other: which belong together, and places over them by hand."""

import json

import pytest

from bench.errors import BenchError
from leaderboard.boards import all_boards, boards_over
from leaderboard.format import View
from leaderboard.over import build_over
from leaderboard.over_page import render_over


def on_set(name: str, fingerprint: str, **rest: object) -> dict[str, object]:
    description = {"cohort": "12 test", "lesions": f"simulated, set {name}, 20 ml"}
    return {"dataset_fingerprint": fingerprint, "dataset_description": description, **rest}


@pytest.fixture
def runs(make_run):
    """Three methods on two lesion sets, the third of them on one; and a board of another cohort.

    Under "paper" a is first, then b; under "plain" it is the other way round by more.
    """
    paper, plain = on_set("paper", "aaaa1111"), on_set("plain", "bbbb2222")
    other = {**on_set("plain", "cccc3333"), "dataset_description": {"cohort": "3 test", "lesions": "set plain"}}
    return [
        make_run("a", tpr=[0.9, 0.8], created="2026-01-02T00:00:00+00:00", **paper),
        make_run("b", tpr=[0.5, 0.4], **paper),
        make_run("c", tpr=[0.7, 0.6], **paper),
        make_run("d", tpr=[0.1, 0.1], **paper),
        make_run("a", tpr=[0.2, 0.3], **plain),
        make_run("b", tpr=[0.6, 0.7], **plain),
        make_run("d", tpr=[0.1, 0.1], **plain),
        make_run("a", tpr=[0.2, 0.3], **other),
        make_run("a", tpr=[0.2, 0.3], **paper, protocol="paper-fpr5@1", protocol_hash="bbbb", oracle=False),
    ]


def test_boards_that_differ_in_one_thing_alone(runs) -> None:
    over = boards_over(runs, ["lesion-set"])
    assert [(one.lesion_set, one.methods, one.cases) for one in over] == [("paper", 4, 2), ("plain", 3, 2)]
    assert all(one.board.protocol == "paper@1" and one.data == (("cohort", "12 test"),) for one in over)
    assert [one.board.protocol for one in boards_over(runs, ["protocol"])] == ["paper@1", "paper-fpr5@1"]
    assert len(all_boards(runs)) == 4


def test_places_are_among_those_whom_every_board_ranks(runs) -> None:
    rows = {row.label: row for row in build_over(runs, ["lesion-set"], metrics=["tpr"]).rows}
    # without c, which has no run on "plain": a b d, and b a d
    assert rows["a"].places == (1, 2) and rows["b"].places == (2, 1) and rows["d"].places == (3, 3)
    assert (rows["a"].mean_place, rows["a"].worst, rows["d"].mean_place) == (1.5, 2, 3.0)
    assert rows["c"].places is None and rows["c"].mean_place is None and rows["c"].rows[1] is None
    # no draw of two cases changes an order
    assert rows["a"].interval is not None and (rows["a"].interval.low, rows["a"].interval.high) == (1.5, 1.5)


def test_a_board_alone_is_said(make_run) -> None:
    with pytest.raises(BenchError, match="only board"):
        build_over([make_run("a", tpr=[0.9])], None)
    with pytest.raises(BenchError, match=r"No other board differs .* in protocol alone"):
        build_over([make_run("a", tpr=[0.9])], ["protocol"])


@pytest.mark.parametrize("format", ["rich", "markdown", "latex", "html"])
def test_text_names_boards_and_places(runs, format) -> None:
    text = render_over(build_over(runs, ["lesion-set"], metrics=["tpr"]), format)
    assert all(part in text for part in ("plain", "mean place", "1.5", "0.85", "3 of 4 methods"))


def test_data_formats_hold_every_board(runs) -> None:
    over = build_over(runs, None, metrics=["tpr"])
    lines = render_over(over, "csv", View(separator=";")).splitlines()
    assert len(lines) == 1 + 9 and lines[0].startswith("dataset;dataset_fingerprint;lesion_set;protocol;")
    found = json.loads(render_over(build_over(runs, ["lesion-set"], metrics=["tpr"]), "json"))
    assert [one["lesion_set"] for one in found["boards"]] == ["paper", "plain"]
    assert found["rows"][0]["means"]["tpr"] == [pytest.approx(0.85), pytest.approx(0.25)]


def test_more_boards_than_fit_become_blocks(make_run) -> None:
    made = [make_run("a", tpr=[0.9], protocol=f"p{i}@1", protocol_hash=f"{i}{i}{i}{i}") for i in range(7)]
    text = render_over(build_over(made, ["protocol"], metrics=["tpr"]))
    assert text.count("mean place") == 3 and max(map(len, text.splitlines())) < 160
