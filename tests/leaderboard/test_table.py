"""The table's rules: what is compared, counted, ranked and marked."""

import pytest

from bench.errors import BenchError
from leaderboard.render import render
from leaderboard.table import Table, build_table

METRICS = ["hd99_vox", "tpr"]


def row(table: Table, label: str):
    (found,) = [row for row in table.rows if row.label == label]
    return found


def test_means_and_standard_errors_come_from_the_cases(make_run) -> None:
    table = build_table([make_run("zscore", hd99_vox=[1.0, 2.0, 3.0], tpr=[0.5, 0.5, 0.5])], metrics=METRICS)
    cell = table.rows[0].cells["hd99_vox"]
    assert (cell.mean, cell.se, cell.n) == (2.0, pytest.approx(3**-0.5), 3)
    assert table.rows[0].cells["tpr"].se == 0.0
    assert table.lesions == "paper"


def test_the_headline_metrics_are_the_default(make_run) -> None:
    table = build_table([make_run("zscore", tpr=[0.5])])
    assert [metric.name for metric in table.metrics] == ["hd99_vox", "msd_vox", "tpr", "ppv"]


def test_an_unknown_metric_is_one_sentence(make_run) -> None:
    with pytest.raises(BenchError, match="hd99_vox"):
        build_table([make_run("zscore", tpr=[0.5])], metrics=["hausdorff"])


def test_rows_are_ordered_by_borda_and_the_best_of_each_column_is_marked(make_run) -> None:
    table = build_table(
        [
            make_run("a", hd99_vox=[9.0, 9.0], tpr=[0.1, 0.3]),
            make_run("b", hd99_vox=[7.0, 8.0], tpr=[0.8, 0.8]),
            make_run("c", hd99_vox=[8.0, 8.0], tpr=[0.5, 0.9]),
        ],
        metrics=METRICS,
    )
    assert [(r.label, r.place, r.borda) for r in table.rows] == [("b", 1, 2.0), ("c", 2, 1.0), ("a", 3, 0.0)]
    assert [r.label for r in table.rows if r.cells["hd99_vox"].best] == ["b"]
    assert [r.label for r in table.rows if r.cells["tpr"].best] == ["b"]


def test_values_that_print_the_same_share_the_bold(make_run) -> None:
    table = build_table(
        [make_run("a", tpr=[0.801]), make_run("b", tpr=[0.804]), make_run("c", tpr=[0.79])], metrics=["tpr"]
    )
    assert {r.label for r in table.rows if r.cells["tpr"].best} == {"a", "b"}


def test_nothing_is_the_best_of_a_column_of_zeros(make_run) -> None:
    table = build_table(
        [make_run("a", hd99_vox=[9.0], tpr=[0.0]), make_run("b", hd99_vox=[0.0], tpr=[0.004])], metrics=METRICS
    )
    assert [r.label for r in table.rows if r.cells["tpr"].best] == []
    assert [r.label for r in table.rows if r.cells["hd99_vox"].best] == ["b"]


def test_equal_methods_share_a_place(make_run) -> None:
    table = build_table([make_run("a", tpr=[0.5]), make_run("b", tpr=[0.5])], metrics=["tpr"])
    assert [r.place for r in table.rows] == [1, 1]


def test_a_method_that_lacks_cases_is_neither_ranked_nor_bold(make_run) -> None:
    lucky = make_run("lucky", tpr=[1.0], of=2, failed_cases={"sub-1": "out of memory"})
    table = build_table([lucky, make_run("honest", tpr=[0.4, 0.6])], metrics=["tpr"])
    assert [(r.label, r.n, r.of, r.place) for r in table.rows] == [("honest", 2, 2, 1), ("lucky", 1, 2, None)]
    assert not row(table, "lucky").cells["tpr"].best
    assert row(table, "honest").cells["tpr"].best
    assert any("lucky scored 1 of 2 cases (sub-1: out of memory)" in note for note in table.notes)


def test_values_that_only_one_method_lacks_keep_it_from_being_ranked(make_run) -> None:
    gappy = make_run("gappy", tpr=[1.0, None])
    table = build_table([gappy, make_run("honest", tpr=[0.4, 0.6])], metrics=["tpr"])
    assert row(table, "gappy").place is None
    assert not row(table, "gappy").cells["tpr"].best
    assert any("gappy has undefined values" in note for note in table.notes)


def test_values_that_every_method_lacks_harm_nobody(make_run) -> None:
    table = build_table([make_run("a", tpr=[1.0, None]), make_run("b", tpr=[0.4, None])], metrics=["tpr"])
    assert [r.place for r in table.rows] == [1, 2]
    assert table.rows[0].cells["tpr"].n == 1


def test_a_failed_method_stands_last_with_its_reason(make_run) -> None:
    failed = make_run("ae", status="failed", error="no weights", of=2)
    table = build_table([failed, make_run("zscore", tpr=[0.4, 0.6])], metrics=["tpr"])
    assert [r.label for r in table.rows] == ["zscore", "ae"]
    assert row(table, "ae").cells["tpr"].mean is None
    assert any("ae failed (seed 0: no weights)" in note for note in table.notes)


def test_a_skipped_method_stands_after_incomplete_ones_with_its_reason(make_run) -> None:
    table = build_table(
        [
            make_run("failed", status="failed", error="killed", of=2),
            make_run("flair", status="skipped", error="needs T2w images", of=2, seed=0),
            make_run("flair", status="skipped", error="needs T2w images", of=2, seed=1),
            make_run("partial", tpr=[1.0], of=2),
            make_run("whole", tpr=[0.4, 0.6]),
        ],
        metrics=["tpr"],
    )
    assert [r.label for r in table.rows] == ["whole", "partial", "flair", "failed"]
    skipped = row(table, "flair")
    assert (skipped.status, skipped.place, skipped.n, skipped.of) == ("skipped", None, 0, 2)
    assert not skipped.cells["tpr"].best
    assert "flair skipped: needs T2w images" in table.notes
    assert "flair (skipped)" in render(table, "markdown")


def test_only_skipped_methods_make_a_table(make_run) -> None:
    table = build_table([make_run("a", status="skipped", error="no GPU", of=2)])
    assert [(r.status, r.place) for r in table.rows] == [("skipped", None)]
    for format in ("rich", "csv", "json", "latex"):
        assert "no GPU" in render(table, format)


def test_seeds_are_averaged_case_by_case(make_run) -> None:
    table = build_table([make_run("a", tpr=[0.0, 0.4], seed=0), make_run("a", tpr=[0.4, 0.8], seed=1)], metrics=["tpr"])
    (only,) = table.rows
    cell = only.cells["tpr"]
    # cases 0.2 and 0.6; seeds' means 0.2 and 0.6
    assert (cell.mean, cell.se) == (pytest.approx(0.4), pytest.approx(0.2))
    assert cell.seed_sd == pytest.approx(0.4 / 2**0.5)
    assert only.seeds == (0, 1)
    assert any("mean of seeds 0, 1" in note for note in table.notes)


def test_one_failed_seed_marks_the_row(make_run) -> None:
    runs = [make_run("a", tpr=[0.5], seed=0), make_run("a", seed=1, of=1, status="failed", error="killed")]
    table = build_table(runs, metrics=["tpr"])
    assert (table.rows[0].status, table.rows[0].place, table.rows[0].cells["tpr"].mean) == (
        "failed",
        None,
        0.5,
    )


def test_other_datasets_and_protocols_stay_out_and_are_named(make_run) -> None:
    other = make_run("random", tpr=[1.0], dataset_fingerprint="ffff0000ffff", created="2025-01-01T00:00:00+00:00")
    table = build_table([make_run("zscore", tpr=[0.5]), other], metrics=["tpr"])
    assert [r.label for r in table.rows] == ["zscore"]
    assert any("ffff0000" in note for note in table.notes)


def test_p_values_are_paired_with_the_first_row_and_corrected(make_run) -> None:
    cases = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    table = build_table(
        [
            make_run("first", tpr=[value + 0.3 + value / 10 for value in cases]),
            make_run("second", tpr=cases),
            make_run("third", tpr=[value - 0.05 - value / 10 for value in cases]),
        ],
        metrics=["tpr"],
    )
    # all six differences have one sign: 2/64 each, times two tests
    assert [r.cells["tpr"].p_value for r in table.rows] == [
        None,
        pytest.approx(4 / 64),
        pytest.approx(4 / 64),
    ]


def test_costs_are_those_of_the_runs(make_run) -> None:
    runs = [
        make_run("a", tpr=[0.5], seed=0, runtime_s_per_case=2.0, peak_memory_mb=100, parameters=7),
        make_run("a", tpr=[0.5], seed=1, runtime_s_per_case=4.0, peak_memory_mb=300, parameters=7),
    ]
    costs = build_table(runs, metrics=["tpr"]).rows[0].costs
    assert costs == {
        "fit_s": None,
        "inherited_fit_s": None,
        "runtime_s_per_case": 3.0,
        "network_evaluations_per_case": None,
        "parameters": 7,
        "peak_memory_mb": 300,
        "device": None,
    }


def test_paper_rows_are_reported_and_never_ranked(make_run) -> None:
    table = build_table([make_run("zscore", tpr=[0.5], ppv=[0.5])], metrics=["tpr", "hd99_vox"], paper=True)
    reported = {r.method: r for r in table.paper_rows}
    assert list(reported) == ["AE", "Inpaint", "Restoration", "GradCAM-MSMA", "Spatial-MSMA"]
    ours = reported["Spatial-MSMA"]
    assert (ours.cells["hd99_vox"].mean, ours.cells["hd99_vox"].se) == (7.05, 0.61)
    assert (ours.n, ours.of, ours.place, ours.status) == (165, 165, None, "reported")
    assert table.rows[0].cells["tpr"].best


def test_paper_rows_are_left_out_when_the_paper_has_no_such_metric(make_run) -> None:
    table = build_table([make_run("zscore", dice=[0.5])], metrics=["dice"], paper=True)
    assert table.paper_rows == ()
    assert table.paper_source is None


def test_same_runs_same_table_in_any_order(make_run) -> None:
    runs = [make_run(name, tpr=[0.1 * i, 0.3, 0.2], hd99_vox=[1.0, i, 2.0]) for i, name in enumerate("abcd")]
    assert build_table(runs) == build_table(runs[::-1])


def healthy(run, false_components):
    cases = [
        case.model_copy(update={"metrics": {"lesion_components": 0.0, "false_components": float(count)}})
        for case, count in zip(run.cases, false_components, strict=True)
    ]
    return run.model_copy(update={"cases": cases})


def test_healthy_test_cases_are_ranked_by_false_components(make_run) -> None:
    runs = [healthy(make_run("a", dice=[0, 0]), [3, 1]), healthy(make_run("b", dice=[0, 0]), [0, 1])]
    table = build_table(runs)
    assert [metric.name for metric in table.metrics] == ["false_components"]
    assert [(row.method, row.cells["false_components"].mean, row.place) for row in table.rows] == [
        ("b", 0.5, 1),
        ("a", 2.0, 2),
    ]
    assert "paper-fpr5" in table.notes[0]
    deployable = [run.model_copy(update={"oracle": False}) for run in runs]
    assert build_table(deployable).notes == ()


def test_external_entries_are_marked_and_apart_from_a_method_of_that_name(make_run) -> None:
    runs = [make_run("a", tpr=[0.5]), make_run("a", tpr=[0.9], external=True, url="https://example.org")]
    table = build_table(runs, metrics=["tpr"])
    assert [(row.external, row.label) for row in table.rows] == [
        (True, "a:external=true,url=https://example.org"),
        (False, "a:external=none,url=none"),
    ]
    assert any("made by another program, see https://example.org" in note for note in table.notes)
