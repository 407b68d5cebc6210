"""The paired view of two methods."""

import csv
import io
import json

import pytest

from bench.errors import BenchError
from leaderboard.compare import compare, render_comparison
from leaderboard.format import View
from leaderboard.table import build_table


def test_differences_by_hand(make_run) -> None:
    table = build_table(
        [make_run("a", hd99_vox=[1.0, 5.0, 3.0, 4.0]), make_run("b", hd99_vox=[3.0, 4.0, 3.0, 7.0])],
        metrics=["hd99_vox"],
    )
    found = compare(table, "a", "b").differences["hd99_vox"]
    # -2, 1, 0, -3: mean -1; lower is better
    assert (found.n, found.mean_first, found.mean_second, found.difference) == (4, 3.25, 4.25, -1.0)
    assert (found.first_better, found.ties, found.second_better) == (2, 1, 1)
    # without the tie: signed ranks -2, 1, -3; rank sums of 1 or less: 2 of 8 patterns, twice
    assert found.p_value == pytest.approx(0.5)
    assert found.interval is not None
    assert -3 <= found.interval.low <= -1 <= found.interval.high <= 1


def test_higher_is_better_for_rates(make_run) -> None:
    table = build_table([make_run("a", tpr=[0.9, 0.2]), make_run("b", tpr=[0.5, 0.1])], metrics=["tpr"])
    assert compare(table, "b", "a").differences["tpr"].second_better == 2


def test_p_values_are_corrected_over_metrics(make_run) -> None:
    cases = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    a = make_run("a", hd99_vox=cases, msd_vox=cases)
    b = make_run("b", hd99_vox=[2.5 * c for c in cases], msd_vox=cases)
    found = compare(build_table([a, b], metrics=["hd99_vox", "msd_vox"]), "a", "b").differences
    assert found["hd99_vox"].p_value == pytest.approx(2 * 2 / 64)
    assert found["msd_vox"].p_value == 1.0


def test_only_cases_of_both_are_compared_and_the_others_are_shown(make_run) -> None:
    table = build_table(
        [make_run("a", tpr=[0.9, 0.2]), make_run("b", tpr=[0.5], of=2)],
        metrics=["tpr"],
    )
    comparison = compare(table, "a", "b")
    assert comparison.differences["tpr"].n == 1
    lines = list(csv.DictReader(io.StringIO(render_comparison(comparison, "csv"))))
    assert [(line["case"], line["a"], line["b"]) for line in lines] == [
        ("sub-0", "0.9", "0.5"),
        ("sub-1", "0.2", ""),
    ]


def test_rows_are_found_by_what_differs(make_run) -> None:
    table = build_table(
        [make_run("a", {"blur": 1, "k": 3}, tpr=[0.9]), make_run("a", {"blur": 2, "k": 5}, tpr=[0.5])],
        metrics=["tpr"],
    )
    assert compare(table, "a:blur=1", "a:k=5").second.differences["blur"] == "2"
    with pytest.raises(BenchError, match="a names more than one row: choose one of a:blur=1,k=3, a:blur=2,k=5"):
        compare(table, "a", "a:blur=1")
    with pytest.raises(BenchError, match="zscore is not in this table"):
        compare(table, "a:blur=1", "zscore")


def test_nothing_in_common_is_one_sentence(make_run) -> None:
    table = build_table([make_run("a", tpr=[0.9]), make_run("b", of=1, status="failed")], metrics=["tpr"])
    with pytest.raises(BenchError, match="no case in common"):
        compare(table, "a", "b")


def test_formats(make_run) -> None:
    table = build_table([make_run("a", tpr=[0.9, 0.7]), make_run("b", tpr=[0.5, 0.1])], metrics=["tpr"])
    comparison = compare(table, "a", "b")
    value = json.loads(render_comparison(comparison, "json"))
    assert value["metrics"]["tpr"]["difference"] == pytest.approx(0.5)
    assert value["cases"]["sub-1"]["tpr"] == [0.7, 0.1]
    rich = render_comparison(comparison, "rich", View(width=80))
    assert "0.90 | 0.50" in rich
    assert max(map(len, rich.splitlines())) <= 80
    assert "0.90 \\| 0.50" in render_comparison(comparison, "markdown")
    assert r"0.90 $|$ 0.50" in render_comparison(comparison, "latex")
    assert "<td" in render_comparison(comparison, "html")
    with pytest.raises(BenchError, match="There is no format 'markdwon', did you mean 'markdown'"):
        render_comparison(comparison, "markdwon")


def test_the_row_that_is_named_by_its_method_alone_is_found_by_it(make_run) -> None:
    runs = [make_run("a", {"blur": blur, "k": k}, tpr=[0.9]) for blur, k in ((1, 3), (2, 3), (1, 5))]
    table = build_table(runs, metrics=["tpr"])
    assert compare(table, "a", "a:k=5").first.label == "a"
