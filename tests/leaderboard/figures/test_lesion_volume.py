"""Sensitivity by lesion volume."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from leaderboard.colours import row_styles
from leaderboard.figures.lesion_volume import save_sensitivity, sensitivities, sensitivity_by_volume
from leaderboard.table import build_table


def with_lesions(run, lesions: list[tuple[float, bool]]):
    cases = [run.cases[0].model_copy(update={"lesions": lesions}), *run.cases[1:]]
    return run.model_copy(update={"cases": cases})


def test_bins_hold_their_lower_bound_and_not_their_upper_one() -> None:
    bins = sensitivity_by_volume([(0.05, False), (0.1, True), (0.3, False), (0.5, True), (7.0, True)])
    assert [(one.lesions, one.found) for one in bins] == [(1, 0), (2, 1), (1, 1), (0, 0), (1, 1)]
    assert [one.sensitivity for one in bins] == [0.0, 0.5, 1.0, None, 1.0]
    assert [str(one) for one in bins] == ["< 0.1", "0.1-0.5", "0.5-1", "1-5", "≥ 5"]


def test_wilson_interval_by_hand() -> None:
    # 1 of 2, z = 1.96: centre 0.5, half width z * sqrt(0.25 / 2 + z^2 / 16) / (1 + z^2 / 2)
    interval = sensitivity_by_volume([(0.2, True), (0.3, False)])[1].interval
    half_width = 1.96 * (0.125 + 1.96**2 / 16) ** 0.5 / (1 + 1.96**2 / 2)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.5 - half_width, 0.5 + half_width), abs=1e-4)


def test_runs_of_one_board_by_label_with_seeds_together(make_run) -> None:
    runs = [
        with_lesions(make_run("a", tpr=[0.5], seed=0), [(0.2, True)]),
        with_lesions(make_run("a", tpr=[0.5], seed=1), [(0.2, False)]),
        with_lesions(make_run("b", tpr=[0.5], of=2), [(0.2, True)]),
        with_lesions(make_run("c", tpr=[0.5], dataset_fingerprint="ffff", created="2025-01-01"), [(9, True)]),
    ]
    found = sensitivities(runs)
    assert list(found) == ["a", "b"]
    assert found["a"][1].sensitivity == 0.5


def test_no_lesions_is_one_sentence(make_run) -> None:
    with pytest.raises(BenchError, match="has lesions"):
        sensitivities([make_run("a", tpr=[0.5])])


def test_the_figure_is_written_and_missing_cases_are_named(tmp_path: Path, make_run) -> None:
    rows = build_table([make_run("a", tpr=[0.5]), make_run("b", tpr=[0.5], of=2)], metrics=["tpr"]).rows
    bins = {label: sensitivity_by_volume([(0.2, True), (0.3, False), (2.0, True)]) for label in ("a", "b")}
    paths = save_sensitivity(rows, bins, tmp_path / "sensitivity.png", row_styles(rows))
    assert [path.suffix for path in paths] == [".png", ".pdf", ".svg"]
    assert all(path.stat().st_size > 1000 for path in paths)
    assert "b (1/2 cases)" in paths[2].read_text()
