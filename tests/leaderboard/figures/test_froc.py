"""Free-response ROC of runs: numbers at given false components, files beside each other."""

import csv
import json

import pytest

from bench.errors import BenchError
from leaderboard.figures.froc import save_froc, sensitivity_at
from metrics.froc import FrocPoint

POINTS = [FrocPoint(0.1, 0.6, 0.5), FrocPoint(0.2, 0.9, 3.0), FrocPoint(0.3, 0.8, 1.5), FrocPoint(0.4, 0.2, 0.0)]


@pytest.mark.parametrize(("allowed", "expected"), [(0, 0.2), (1, 0.6), (2, 0.8), (8, 0.9)])
def test_sensitivity_is_the_best_that_is_allowed(allowed, expected):
    assert sensitivity_at(POINTS, allowed) == expected


def test_no_threshold_allowed_finds_nothing():
    assert sensitivity_at(POINTS[1:3], 1) == 0


def test_picture_and_numbers_are_written(tmp_path):
    paths = save_froc({"a": POINTS, "b": POINTS[:2]}, tmp_path / "froc.png")
    assert [path.suffix for path in paths] == [".png", ".pdf", ".csv", ".json"]
    assert all(path.stat().st_size > 100 for path in paths)
    rows = list(csv.DictReader((tmp_path / "froc.csv").read_text().splitlines()))
    assert [(row["method"], float(row["sensitivity"])) for row in rows[3:5]] == [("a", 0.2), ("b", 0.6)]
    summary = json.loads((tmp_path / "froc.json").read_text())
    assert summary["a"]["sensitivity_at_false_components_per_case"]["2"] == 0.8
    assert summary["b"]["points"][0] == {"threshold": 0.1, "sensitivity": 0.6, "false_components_per_case": 0.5}


def test_without_lesions_there_is_no_curve(tmp_path):
    with pytest.raises(BenchError, match="no lesions to find"):
        save_froc({"a": [FrocPoint(0.1, None, 2.0)]}, tmp_path / "froc")
