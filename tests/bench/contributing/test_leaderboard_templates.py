"""The templates of a metric and a leaderboard format, as another package's files found by their entry points."""

import sys
from importlib.resources import files
from string import Template

import numpy as np
import pytest

from leaderboard.compare import compare, render_comparison
from leaderboard.known_metrics import KNOWN, to_measure, to_show
from leaderboard.render import FORMATS, render
from leaderboard.table import build_table
from metrics.evaluate import evaluate_case
from metrics.protocol import protocol
from tests.made_runs import make_run


@pytest.fixture(autouse=True)
def scratch_package(tmp_path, monkeypatch):
    """A package outside of the repository, made of both templates."""
    for template, name in (("metric", "my-metric"), ("format", "my-format")):
        words = {"name": name, "module": name.replace("-", "_"), "title": name.replace("-", " ").capitalize()}
        text = files("bench.contributing").joinpath("templates", f"{template}.py.txt").read_text(encoding="utf-8")
        (tmp_path / f"{words['module']}.py").write_text(Template(text).substitute(words))
    information = tmp_path / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[bench.metrics]\nmy-metric = my_metric\n\n[bench.formats]\nmy-format = my_format:FORMAT\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in ("my_metric", "my_format"):
        sys.modules.pop(module, None)


def run(method, value):
    return make_run(method, my_metric=[value])


def test_the_metric_is_measured_when_asked_for():
    assert KNOWN.discover()[1] == FORMATS.discover()[1] == []
    brain = np.ones((12, 12, 12), dtype=bool)
    lesion = np.zeros_like(brain)
    lesion[4:7, 4:7, 4:7] = True
    metrics = to_measure(["my_metric"])
    found = evaluate_case(lesion.astype(float), lesion, brain, (10, 10, 10), protocol("paper"), 0.5, metrics).metrics
    assert found["my_metric"] == pytest.approx(6 * 9)  # dilation adds a voxel of 1 ml to each of six faces of 9
    assert "my_metric" not in {metric.name for metric in to_measure()}


def test_the_board_knows_unit_and_direction():
    (metric,) = to_show(["my_metric"])
    assert (metric.unit, metric.direction) == ("ml", "lower")
    table = build_table([run("a", 2.0), run("b", 1.0)], metrics=["my_metric"])
    assert [(row.label, row.place) for row in table.rows] == [("b", 1), ("a", 2)]


def test_the_format_writes_tables_and_comparisons():
    table = build_table([run("a", 2.0), run("b", 1.0)], metrics=["my_metric"])
    lines = render(table, "my-format").splitlines()
    assert "#\tmethod\tn/N\tMy metric ↓ (ml)" in lines and "1\tb\t1/1\t1.00" in lines
    assert "sub-0\t2.00 | 1.00" in render_comparison(compare(table, "a", "b"), "my-format").splitlines()
