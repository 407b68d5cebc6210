"""Metrics by name: what is measured when it is asked for, and what is shown of results made elsewhere."""

from importlib.metadata import EntryPoint

import pytest

import leaderboard.known_metrics
from bench import discovery
from bench.errors import BenchError
from leaderboard.known_metrics import KNOWN, to_measure, to_show
from leaderboard.render import render
from leaderboard.table import build_table
from metrics.definitions import medpy
from metrics.definitions.standard import METRICS


def test_standard_metrics_come_first_and_others_when_asked_for():
    assert to_measure() == METRICS
    assert to_measure(["medpy_obj_tpr", "dice"]) == (*METRICS, medpy.METRICS[1])
    everything = to_measure(["all"])
    assert everything[: len(METRICS)] == METRICS and set(everything) == set(KNOWN.all().values())


def test_an_unknown_name_is_answered_by_the_nearest():
    with pytest.raises(BenchError, match="There is no metric 'medpy_asd_mm', did you mean 'medpy_assd_mm'"):
        to_measure(["medpy_asd_mm"])
    with pytest.raises(BenchError, match="There is no metric 'dicee', did you mean 'dice'"):
        to_show(["dicee"])


def test_a_library_that_is_missing_is_one_sentence(monkeypatch):
    monkeypatch.setattr(leaderboard.known_metrics, "find_spec", lambda name: None)
    assert to_measure() == METRICS
    with pytest.raises(BenchError, match=r"medpy_assd_mm needs medpy: pip install 'brain-anomaly-bench\[metrics\]'"):
        to_measure(["medpy_assd_mm"])


@pytest.mark.parametrize("value", ["metrics.protocol", "metrics.froc:froc"])
def test_what_holds_no_metric_is_listed_and_breaks_nothing(monkeypatch, value):
    points = [EntryPoint("theirs", value, "bench.metrics")]
    monkeypatch.setattr(discovery, "entry_points", lambda group: points)
    found, (broken,) = KNOWN.discover()
    assert "dice" in found and "Metric" in broken.reason


def test_stored_metrics_of_a_package_that_is_not_installed_are_shown_and_not_ranked(make_run):
    runs = [make_run("a", tpr=[0.2]), make_run("b", tpr=[0.4])]
    for run in runs:
        run.cases[0].metrics["theirs"] = 3.0
    table = build_table(runs, metrics=["tpr", "theirs"])
    assert [(row.label, row.place, row.cells["theirs"].mean) for row in table.rows] == [("b", 1, 3.0), ("a", 2, 3.0)]
    assert "theirs is measured by a package that is not installed here" in table.notes[0]
    assert "theirs" in render(table, "markdown")
    with pytest.raises(BenchError, match="There is no metric 'theirs'"):
        build_table([make_run("a", tpr=[0.2])], metrics=["theirs"])
