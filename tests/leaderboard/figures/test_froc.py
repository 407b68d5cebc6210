"""Free-response ROC of runs: numbers at given false components, files beside each other."""

import csv
import json

import numpy as np
import pytest

from bench.errors import BenchError
from leaderboard.colours import row_styles
from leaderboard.figures.froc import froc_band, save_froc, sensitivity_at
from leaderboard.table import build_table
from metrics.froc import Detections, FrocPoint

POINTS = [FrocPoint(0.1, 0.6, 0.5), FrocPoint(0.2, 0.9, 3.0), FrocPoint(0.3, 0.8, 1.5), FrocPoint(0.4, 0.2, 0.0)]


@pytest.mark.parametrize(("allowed", "expected"), [(0, 0.2), (1, 0.6), (2, 0.8), (8, 0.9)])
def test_sensitivity_is_the_best_that_is_allowed(allowed, expected):
    assert sensitivity_at(POINTS, allowed) == expected


def test_no_threshold_allowed_finds_nothing():
    assert sensitivity_at(POINTS[1:3], 1) == 0


def counted(points: list[FrocPoint]) -> Detections:
    """Two cases with ten lesions each that give these points."""
    levels = np.array([p.threshold for p in points])
    found = np.array([[round(20 * p.sensitivity) // 2] * 2 for p in points]).T
    false = np.array([[p.false_components_per_case] * 2 for p in points]).T
    return Detections(levels, found, false, np.array([10, 10]))


def test_picture_and_numbers_are_written(tmp_path, make_run):
    rows = build_table([make_run("a", tpr=[0.5, 0.5]), make_run("b", tpr=[0.5])], metrics=["tpr"]).rows
    curves = {"a": counted(POINTS), "b": counted(POINTS[:2])}
    paths = save_froc(rows, curves, tmp_path / "froc.png", row_styles(rows), "what is shown")
    assert [path.suffix for path in paths] == [".png", ".pdf", ".svg", ".csv", ".json"]
    assert all(path.stat().st_size > 100 for path in paths)
    table = list(csv.DictReader((tmp_path / "froc.csv").read_text().splitlines()))
    assert [(row["method"], float(row["sensitivity"])) for row in table[3:5]] == [("a", 0.2), ("b", 0.6)]
    summary = json.loads((tmp_path / "froc.json").read_text())
    assert summary["a"]["sensitivity_at_false_components_per_case"]["2"] == 0.8
    assert summary["b"]["points"][0] == {"threshold": 0.1, "sensitivity": 0.6, "false_components_per_case": 0.5}
    assert "what is shown" in (tmp_path / "froc.svg").read_text()


def test_without_lesions_there_is_no_curve(tmp_path):
    none = Detections(np.array([0.1]), np.array([[0]]), np.array([[2]]), np.array([0]))
    with pytest.raises(BenchError, match="no lesions to find"):
        save_froc([], {"a": none}, tmp_path / "froc", {})


def test_the_band_draws_cases_with_their_lesions_and_false_components():
    """Of two cases, one has all lesions found at once and one none: draws of one case alone give 0 and 1."""
    detections = Detections(np.array([0.5]), np.array([[4], [0]]), np.array([[1], [3]]), np.array([4, 4]))
    curve, low, high = froc_band(detections, np.array([1.0, 2.0, 3.0]))
    assert curve.tolist() == [0.0, 0.5, 0.5]  # two false components per case on average
    assert low.tolist() == [0.0, 0.0, 0.0]
    assert high.tolist() == [1.0, 1.0, 1.0]


def test_the_curve_never_falls():
    curve, _, _ = froc_band(counted(POINTS), np.array([0.0, 0.5, 1.5, 3.0]))
    assert curve.tolist() == [0.2, 0.6, 0.8, 0.9]
