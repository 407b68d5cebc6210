"""One list of cost columns, from which everything draws."""

import csv
import io
import json

from bench.results import RunResult
from bench.runs.mlflow_run import _metrics
from leaderboard.costs import COSTS, CostColumn
from leaderboard.format import View
from leaderboard.render import render
from leaderboard.table import build_table


def test_each_column_is_a_field_of_a_result():
    assert {column.name for column in COSTS} <= set(RunResult.model_fields)


def test_seeds_are_taken_together(make_run):
    runs = [
        make_run("a", tpr=[0.5], seed=0, fit_s=10.0, inherited_fit_s=8.0, device="cuda", peak_memory_mb=5.0),
        make_run("a", tpr=[0.5], seed=1, fit_s=20.0, device="cpu", peak_memory_mb=7.0),
        make_run("a", tpr=[0.5], seed=2, parameters=3),
    ]
    found = {column.name: column.of(runs) for column in COSTS}
    assert found == {
        "fit_s": 15.0,
        "inherited_fit_s": 8.0,
        "runtime_s_per_case": None,
        "network_evaluations_per_case": None,
        "parameters": 3,
        "peak_memory_mb": 7.0,
        "device": "cpu, cuda",
    }


def test_a_new_column_is_one_line(make_run, monkeypatch):
    columns = (*COSTS, CostColumn("seed", "seeds", "highest", max, digits=1))
    drawing = ("grid", "frame", "table", "formats.json_table")
    for module in (*(f"leaderboard.{name}" for name in drawing), "bench.runs.tracking"):
        monkeypatch.setattr(f"{module}.COSTS", columns)
    run = make_run("a", tpr=[0.5], seed=4)
    table = build_table([run])
    assert "seeds" in render(table, "rich", View(costs=True)) and "4.0" in render(table, "rich", View(costs=True))
    assert next(csv.DictReader(io.StringIO(render(table, "csv"))))["seed"] == "4"
    assert json.loads(render(table, "json"))["rows"][0]["seed"] == 4
    assert _metrics(run)["seed"] == 4.0
