"""Metrics beyond the standard ones are measured when they are asked for, and what was measured before is kept."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import bench.runs.evaluation
from bench.contributing.contract import tiny_dataset
from bench.reporting import SilentReporter
from bench.runs.evaluation import evaluate
from bench.runs.run_folder import Record, RunFolder, Scored
from metrics.definitions.standard import METRICS
from metrics.protocol import protocol

PAPER, BY_DATASET = protocol("paper"), protocol("paper-dataset-oracle")
NEW = replace(METRICS[0], name="made", value=lambda pair: float(pair.prediction.sum()))
OTHER = replace(NEW, name="other")


@pytest.fixture
def run(tmp_path):
    """Maps of two cases."""
    dataset = tiny_dataset(test=2)
    folder = RunFolder(tmp_path, Record(method="made", title="made", seed=0))
    for case in dataset.test:
        folder.keep_prepared(case, np.where(case.brain_mask, case.image.sum(axis=0), 0), Scored(runtime_s=1.0))
    return folder, dataset


def evaluated(run, metrics=METRICS, preset=PAPER):
    return evaluate(*run, preset, SilentReporter(), 1, metrics)


@pytest.mark.parametrize("preset", [PAPER, BY_DATASET], ids=str)
def test_only_what_is_lacking_is_measured(run, monkeypatch, preset):
    first = evaluated(run, preset=preset)
    asked = []
    real = bench.runs.evaluation.evaluate_case

    def watched(*given):
        asked.append([metric.name for metric in given[-1]])
        return real(*given)

    monkeypatch.setattr(bench.runs.evaluation, "evaluate_case", watched)
    second = evaluated(run, (*METRICS, NEW), preset)
    assert asked == [["made"], ["made"]]
    for before, after in zip(first.cases, second.cases, strict=True):
        assert after.metrics == before.metrics | {"made": after.metrics["made"]} and after.metrics["made"] > 0
        assert after.model_copy(update={"metrics": before.metrics}) == before
    assert second.metrics["made"].n == 2

    third = evaluated(run, (*METRICS, OTHER), preset)  # the earlier one stays
    assert asked[2:] == [["other"], ["other"]] and {"made", "other"} <= set(third.metrics)
    assert evaluated(run, preset=preset).cases == third.cases and len(asked) == 4
    table = run[0].results(preset.name).table_file.read_text().splitlines()
    assert {"made", "other"} <= set(next(csv.reader(table)))


def test_a_method_that_cannot_run_here_is_skipped(tmp_path):
    record = Record(method="flair", title="Flair", seed=0, skipped="it needs FLAIR images")
    result = evaluated((RunFolder(tmp_path, record), tiny_dataset(test=2)))
    assert (result.status, result.error, result.n, result.of) == ("skipped", "it needs FLAIR images", 0, 2)
