"""The record of a run's folder, when several commands work in it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter
from bench.runs.run_folder import Record, RunFolder, Scored
from datasets.case import Case


def opened(path: Path) -> RunFolder:
    """The folder as another command opens it."""
    return RunFolder.open(path, Record(method="made", title="made", seed=0), SilentReporter())


@pytest.fixture
def cases() -> list[Case]:
    return list(tiny_dataset(test=8).test)


def keep(folder: RunFolder, case: Case, runtime_s: float = 1.0) -> None:
    folder.keep_prepared(case, np.zeros(case.brain_mask.shape, np.float32), Scored(runtime_s=runtime_s))


def finished(path: Path) -> set[str]:
    """What another command takes as finished."""
    return {file.stem for file in path.glob("scored/*.json") if opened(path).is_scored(file.stem)}


def test_commands_in_one_folder_lose_no_case(tmp_path: Path, cases: list[Case]) -> None:
    folders = [opened(tmp_path) for _ in cases]  # all begin before any has scored
    with ThreadPoolExecutor(len(cases)) as pool:
        list(pool.map(keep, folders, cases))
    assert finished(tmp_path) == {case.id for case in cases}
    assert all(folder.is_scored(case.id) for folder in folders for case in cases)  # and see each other's at once


def test_what_is_known_of_the_method_is_the_last_commands_and_takes_no_case_away(tmp_path: Path, cases) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    keep(first, cases[0])
    second.record.fit_s = 2.0
    second.save()
    assert finished(tmp_path) == {cases[0].id}
    assert opened(tmp_path).record.fit_s == 2.0


def test_a_failure_takes_no_success_of_another_command_away(tmp_path: Path, cases) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    keep(first, cases[0])
    second.keep_failure(cases[0].id, BenchError("no memory"))
    second.keep_failure(cases[1].id, BenchError("no memory"))
    second.failure_file(cases[0].id).write_text("written in the moment in which the other command scored it")
    assert opened(tmp_path).is_scored(cases[0].id)
    assert opened(tmp_path).failures() == {cases[1].id: "no memory"}
    keep(second, cases[1])
    assert opened(tmp_path).failures() == {}


def test_cases_are_forgotten_where_they_are_to_be(tmp_path: Path, cases) -> None:
    folder = opened(tmp_path)
    for case in cases[:3]:
        keep(folder, case)
    folder.forget(cases[0].id)
    assert finished(tmp_path) == {cases[1].id, cases[2].id}
    folder.forget_scores()
    assert finished(tmp_path) == set()


def test_a_case_whose_file_is_damaged_is_scored_again(tmp_path: Path, cases) -> None:
    folder = opened(tmp_path)
    keep(folder, cases[0])
    folder.scored_file(cases[0].id).write_text('{"runtime_s": 1')
    assert not opened(tmp_path).is_scored(cases[0].id)
    keep(folder, cases[0], runtime_s=2.0)
    assert opened(tmp_path).scored(cases[0].id).runtime_s == 2.0


def test_a_record_of_an_earlier_version_is_taken_apart_once(tmp_path: Path, cases) -> None:
    keep(opened(tmp_path), cases[0], runtime_s=2.0)
    old = {"method": "made", "title": "made", "seed": 0, "failed": {cases[2].id: "no memory"}}
    old["cases"] = {case.id: {"runtime_s": 1.0} for case in cases[:2]}
    (tmp_path / "runtime.json").write_text(json.dumps(old))
    folder = opened(tmp_path)
    assert [folder.scored(case.id).runtime_s for case in cases[:2]] == [2.0, 1.0]  # what has a file is newer
    assert folder.failures() == {cases[2].id: "no memory"}
    folder.forget(cases[1].id)
    assert opened(tmp_path).scored(cases[1].id) is None
