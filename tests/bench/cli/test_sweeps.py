"""Sweeps on the command line: seeds and settings, each combination a run, the board groups them."""

import pytest
from typer.testing import CliRunner

import bench.runs.datasets
from bench import cli
from bench.cli.options import seeds
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.results import load_run
from bench.runs.tracking import Tracker
from leaderboard.table import build_table


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: tiny_dataset())
    monkeypatch.setattr(Tracker, "log", lambda tracker, run, folder: None)
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path))


def invoke(*arguments):
    return CliRunner().invoke(cli.app, list(arguments))


def test_every_combination_is_a_run_and_none_is_done_twice(tmp_path) -> None:
    shown = invoke(
        *("run", "--method", "zscore", "--method", "random", "--seed", "0-1", "--threads", "1", "--workers", "1"),
        *("--set", "channels=max,norm"),
    )
    assert shown.exit_code == 0, shown.output
    runs = [load_run(path) for path in tmp_path.glob("runs/*/*/results/paper/run.json")]
    found = sorted((run.method, str(run.config.get("channels")), run.seed) for run in runs)
    zscore = [("zscore", channels, seed) for channels in ("max", "norm") for seed in (0, 1)]
    assert found == [("random", "None", 0), ("random", "None", 1), *zscore]
    rows = build_table(runs, metrics=["dice"]).rows
    assert len(rows) == 3 and all(row.seeds == (0, 1) for row in rows)
    assert "runs 6/6 random (seed 1), in" in shown.output


def test_seeds_in_words() -> None:
    assert seeds("3") == (3,) and seeds("0-2,7,1") == (0, 1, 2, 7)
    for text in ("", "-1", "2-1", "0-", "a", "0-999999", "1,,2"):
        with pytest.raises(BenchError, match="--seed"):
            seeds(text)


def test_a_wrong_value_among_many_stops_all(tmp_path) -> None:
    shown = invoke("run", "--method", "zscore", "--set", "moments.moment_smoothing_mm=1,-1")
    assert shown.exit_code == 2 and "moment_smoothing_mm = -1 is wrong" in shown.output
    assert not (tmp_path / "runs").exists()
