"""Maps of earlier runs evaluated again: under other protocols, and past what has changed since."""

from dataclasses import replace

import numpy as np
import pytest

import bench.runs.datasets
import bench.runs.evaluation
from bench.errors import BenchError
from bench.runs.bench import Bench
from bench.runs.evaluate_again import Which, evaluate_again
from bench.runs.workspace import Workspace
from metrics.protocol import protocol
from tests.bench.runs.made_methods import PAPER, Brightness, Reporter, do_run

pytestmark = pytest.mark.usefixtures("workplace")


def test_maps_are_evaluated_again_under_another_protocol(tmp_path):
    (paper,) = do_run(tmp_path, "brightness")
    (again,) = evaluate_again(Bench(Workspace(tmp_path), Reporter()), protocol("authors-code")).results
    assert len(Brightness.scored) == 3
    assert (again.protocol, again.n) == ("authors-code@2", 3)
    assert again.key != paper.key and again.config == paper.config
    assert len(Workspace(tmp_path).run_files()) == 2


def test_healthy_maps_give_one_deployable_threshold(tmp_path, workplace):
    do_run(tmp_path, "brightness")
    deployable = protocol("paper-fpr5")
    (missing,) = evaluate_again(Bench(Workspace(tmp_path), Reporter()), deployable).results
    assert missing.status == "failed" and "run it with this --protocol once" in missing.error
    Brightness.scored.clear()
    (result,) = do_run(tmp_path, "brightness", chosen_protocol=deployable)
    assert Brightness.scored == ["validation-0", "validation-1"]
    values = [case.image.sum(axis=0)[case.brain_mask] for case in workplace.validation]
    (threshold,) = {case.threshold for case in result.cases}
    assert threshold == pytest.approx(np.quantile(np.concatenate(values), 0.95), abs=1e-3)
    assert (result.oracle, result.status) == (False, "finished")
    (again,) = evaluate_again(Bench(Workspace(tmp_path), Reporter()), deployable).results
    assert again.metrics == result.metrics


def test_the_best_threshold_for_the_dataset_is_one_and_an_upper_bound(tmp_path):
    (result,) = do_run(tmp_path, "brightness", chosen_protocol=protocol("paper-dataset-oracle"))
    assert len({case.threshold for case in result.cases}) == 1 and result.oracle
    assert result.status == "finished" and result.n == 3


def test_results_of_an_older_protocol_of_that_name_are_replaced(tmp_path):
    do_run(tmp_path, "brightness")
    (newer,) = do_run(tmp_path, "brightness", chosen_protocol=replace(PAPER, version=2, dilate=False))
    (fresh,) = do_run(tmp_path / "fresh", "brightness", chosen_protocol=replace(PAPER, version=2, dilate=False))
    assert newer.metrics == fresh.metrics


def test_evaluating_nothing_says_what_to_do(tmp_path):
    with pytest.raises(BenchError, match="`bench run` first"):
        evaluate_again(Bench(Workspace(tmp_path), Reporter()), PAPER)


def test_evaluating_changed_data_is_refused(tmp_path, workplace, monkeypatch):
    do_run(tmp_path, "brightness")
    monkeypatch.setattr(
        bench.runs.datasets,
        "load_dataset",
        lambda settings, cache_folder: replace(workplace, fingerprint="changed" * 4),
    )
    with pytest.raises(BenchError, match="has changed: run again"):
        evaluate_again(Bench(Workspace(tmp_path), Reporter()), PAPER)


def test_evaluating_goes_on_past_a_changed_dataset_and_a_damaged_record(tmp_path, workplace, monkeypatch):
    do_run(tmp_path, "brightness", "zscore")
    changed = replace(workplace, name="other", fingerprint="f" * 64)
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: changed)
    do_run(tmp_path, "brightness")
    (record,) = tmp_path.glob("runs/tiny-*/zscore-*/runtime.json")
    record.write_text("")
    monkeypatch.setattr(bench.runs.datasets, "load_dataset", lambda settings, cache_folder: workplace)
    place = Bench(Workspace(tmp_path), Reporter())
    again = evaluate_again(place, protocol("authors-code"))
    assert [(run.dataset, run.method, run.n) for run in again.results] == [("tiny", "brightness", 3)]
    assert ["other-ffffffff has changed" in why for why in again.left_out] == [True, False]
    assert "zscore" in again.left_out[1] and "runtime.json is damaged" in again.left_out[1]
    chosen = evaluate_again(
        place, PAPER, Which(dataset="tiny", fingerprint=workplace.fingerprint[:4], methods=("brightness",))
    )
    assert len(chosen.results) == 1 and not chosen.left_out
    with pytest.raises(BenchError, match="other-ffffffff has changed"):
        evaluate_again(place, PAPER, Which(dataset="other"))
