"""Results as pandas frames."""

import pandas

from leaderboard.frame import results_frame
from leaderboard.table import build_table


def test_a_line_for_each_case_and_metric(make_run):
    frame = results_frame([make_run("a", tpr=[0.5, None]), make_run("b", seed=3, tpr=[0.1], dice=[0.2])])
    assert list(frame.columns) == [
        "dataset",
        "dataset_fingerprint",
        "protocol",
        "method",
        "seed",
        "case",
        "metric",
        "value",
    ]
    assert frame[["method", "seed", "case", "metric"]].to_numpy().tolist() == [
        ["a", 0, "sub-0", "tpr"],
        ["a", 0, "sub-1", "tpr"],
        ["b", 3, "sub-0", "tpr"],
        ["b", 3, "sub-0", "dice"],
    ]
    assert frame["value"].dtype == float and frame["value"].isna().tolist() == [False, True, False, False]
    assert results_frame([]).columns.equals(frame.columns)


def test_a_table_is_numbers(make_run):
    runs = [
        make_run("a", tpr=[0.25, 0.75], parameters=7, fit_s=2.0),
        make_run("b", tpr=[0.1], of=2, status="failed", error="out of memory"),
    ]
    frame = build_table(runs, metrics=["tpr"], paper=True).to_frame()
    assert frame["method"].tolist() == ["a", "b", "AE", "Inpaint", "Restoration", "GradCAM-MSMA", "Spatial-MSMA"]
    first, second = frame.iloc[0], frame.iloc[1]
    assert (first["tpr_mean"], first["tpr_n"], first["place"], first["parameters"]) == (0.5, 2, 1, 7)
    assert second["error"] == "seed 0: out of memory" and pandas.isna(second["place"])
    numbers = ["place", "borda", "n", "of", "tpr_mean", "tpr_se", "tpr_n", "tpr_p_value", "fit_s", "parameters"]
    assert all(pandas.api.types.is_numeric_dtype(frame[column]) for column in numbers)
