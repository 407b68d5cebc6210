"""Several cases at the same time: the same tables, nothing left behind, evaluation while others are scored."""

import threading

import numpy as np
import pytest

import bench.runs.evaluation
from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.case_pool import case_pool
from bench.runs.evaluation import evaluate, evaluation_in_background
from bench.runs.run_folder import Record, RunFolder, Scored
from metrics.protocol import protocol

PAPER = protocol("paper")


def scored_run(path, dataset):
    record = Record(method="made", title="made", baseline=False, paper_row=None, config={}, seed=0)
    folder = RunFolder(path, record)
    for index, case in enumerate(dataset.test):
        noise = np.random.default_rng(index).standard_normal(case.brain_mask.shape)
        folder.keep_prepared(case, (noise + 3 * case.lesion_mask).astype(np.float32), Scored(runtime_s=1.0))
    return folder


@pytest.mark.parametrize("name", ["paper", "authors-code", "paper-dataset-oracle"])
def test_any_number_of_workers_gives_the_same_cases(tmp_path, name):
    dataset = tiny_dataset(test=5)
    results = [
        evaluate(scored_run(tmp_path / str(workers), dataset), dataset, protocol(name), SilentReporter(), workers)
        for workers in (1, 3)
    ]
    assert results[0].cases == results[1].cases and results[0].metrics == results[1].metrics
    assert [case.id for case in results[1].cases] == list(dataset.test_ids)


def test_a_failing_case_is_recorded_and_the_others_are_not_lost(tmp_path):
    dataset = tiny_dataset(test=4)
    folder = scored_run(tmp_path, dataset)
    folder.prepared_path("test-2").write_bytes(b"no map")
    result = evaluate(folder, dataset, PAPER, SilentReporter(), 3)
    assert (result.n, list(result.failed_cases)) == (3, ["test-2"])
    assert "evaluating test-2" in (folder.path / "errors.log").read_text()


def test_cases_are_evaluated_in_the_background_and_not_again(tmp_path, monkeypatch):
    dataset = tiny_dataset(test=3)
    folder = scored_run(tmp_path, dataset)
    with evaluation_in_background(folder, dataset, PAPER) as scored:
        for index in range(3):
            scored(index).result()  # type: ignore[attr-defined]
    assert len(list(tmp_path.glob("results/paper/cases/*.json"))) == 3
    monkeypatch.setattr(bench.runs.evaluation, "evaluate_case", lambda *given: pytest.fail("evaluated again"))
    assert evaluate(folder, dataset, PAPER, SilentReporter()).n == 3


def test_what_fails_in_the_background_is_tried_again_at_the_end(tmp_path, monkeypatch):
    dataset = tiny_dataset(test=2)
    folder = scored_run(tmp_path, dataset)
    with monkeypatch.context() as broken, evaluation_in_background(folder, dataset, PAPER) as scored:
        broken.setattr(bench.runs.evaluation, "evaluate_case", lambda *given: 1 / 0)
        assert scored(0).exception() is not None  # type: ignore[attr-defined]
    assert evaluate(folder, dataset, PAPER, SilentReporter()).n == 2


def test_protocols_with_one_threshold_wait_for_all_maps(tmp_path):
    dataset = tiny_dataset(test=2)
    folder = scored_run(tmp_path, dataset)
    with evaluation_in_background(folder, dataset, protocol("paper-fpr5")) as scored:
        assert scored(0) is None
    assert not (tmp_path / "results").exists()


def test_ctrl_c_drops_what_has_not_begun_and_leaves_no_thread():
    begun, go_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(5)

    waiting = []
    with pytest.raises(KeyboardInterrupt), case_pool(1) as pool:
        waiting = [pool.submit(work) for _ in range(3)]
        begun.wait(5)
        threading.Timer(0.1, go_on.set).start()
        raise KeyboardInterrupt
    assert [one.cancelled() for one in waiting] == [False, True, True]
    assert not any(thread.name.startswith("evaluate") for thread in threading.enumerate())
