"""Files of a run: those of version 0.1 load, and the facts of a run are the same in its record and its result."""

import json

import pytest

from bench.errors import BenchError
from bench.results import RunFacts, RunResult, load_run, save_result
from bench.runs.run_folder import Record, RunFolder

FACTS_OF_0_1 = """
 "method": "zscore",
 "title": "Voxel-wise z-score",
 "baseline": true,
 "paper_row": null,
 "config": {
  "moments.high_pass_mm": null,
  "moments.image_smoothing_mm": 0.0,
  "channels": "max"
 },
 "preset": "cpu",
 "seed": 0,
 "external": false,
 "url": null,
 "fit_s": 1.7,
 "parameters": 430080,
 "peak_memory_mb": 1165.6,
 "error": null,
"""
RECORD_OF_0_1 = f"""{{{FACTS_OF_0_1}
 "device": "",
 "source": "650b1e4f",
 "cases": {{"sub-1": {{"runtime_s": 0.008, "network_evaluations": 0, "source": null}}}},
 "failed": {{"sub-2": "MemoryError"}}
}}"""
RESULT_OF_0_1 = f"""{{{FACTS_OF_0_1}
 "schema_version": 1,
 "key": "cd02c896",
 "dataset": "phantom",
 "dataset_fingerprint": "c147ea56",
 "dataset_description": {{"lesions": "simulated, set paper, 20 ml, procedural shapes", "seed": "0"}},
 "channels": ["T1w", "T2w"],
 "protocol": "paper@1",
 "protocol_hash": "4a7514a022cba010",
 "oracle": true,
 "status": "finished",
 "of": 2,
 "failed_cases": {{"sub-2": "MemoryError"}},
 "cases": [
  {{
   "schema_version": 1,
   "id": "sub-1",
   "threshold": 5.293792439008087,
   "metrics": {{"hd99_vox": 14.066266299010993, "tpr": null}},
   "lesions": [[2.288, true], [0.008, false]],
   "runtime_s": 0.008
  }}
 ],
 "metrics": {{"hd99_vox": {{"mean": 14.066266299010993, "se": null, "n": 1}}}},
 "runtime_s_per_case": 0.008,
 "network_evaluations_per_case": 0.0,
 "device": "cpu",
 "git_commit": "b93667db",
 "created": "2026-01-02T09:38:54+00:00"
}}"""


def test_a_result_of_0_1_loads_and_keeps_every_value(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(RESULT_OF_0_1)
    run = load_run(path)
    assert (run.method, run.n, run.of, run.parameters, run.git_commit) == ("zscore", 1, 2, 430080, "b93667db")
    assert (run.versions, run.source, run.bench_version) == ({}, "", None)
    save_result(path, run)
    old, new = json.loads(RESULT_OF_0_1), json.loads(path.read_text())
    cases = zip(old.pop("cases"), new.pop("cases"), strict=True)
    assert all(before.items() <= after.items() for before, after in cases)
    assert old.items() <= new.items()
    assert load_run(path) == run


def test_a_record_of_0_1_loads_and_keeps_every_value(tmp_path):
    (tmp_path / "runtime.json").write_text(RECORD_OF_0_1)
    folder = RunFolder.load(tmp_path)
    assert (folder.record.method, folder.record.fit_s, folder.record.skipped) == ("zscore", 1.7, None)
    assert folder.record.device is None  # 0.1 wrote "" where it is not known
    before, after = json.loads(RECORD_OF_0_1), json.loads((tmp_path / "runtime.json").read_text())
    cases, failed = before.pop("cases"), before.pop("failed")
    assert {**before, "device": None}.items() <= after.items()
    assert not after.keys() & {"cases", "failed"}  # they are files of their own now
    assert {case_id: folder.scored(case_id).model_dump(exclude={"peak_memory_mb"}) for case_id in cases} == cases
    assert folder.failures() == failed
    assert RunFolder.load(tmp_path) == folder


def test_the_facts_of_a_record_are_those_of_its_result():
    facts = {key: value for key, value in json.loads(RECORD_OF_0_1).items() if key not in ("cases", "failed")}
    record = Record(**facts)
    result = RunResult(
        **record.facts(),
        key="",
        dataset="",
        dataset_fingerprint="",
        protocol="",
        protocol_hash="",
        oracle=True,
        status="finished",
        of=0,
        created="",
    )
    for name in RunFacts.model_fields:
        assert getattr(result, name) == getattr(record, name)


@pytest.mark.parametrize("model", [Record, RunResult])
def test_unknown_fields_are_refused(model, tmp_path):
    text = (RECORD_OF_0_1 if model is Record else RESULT_OF_0_1).replace('"preset"', '"pre_set"')
    with pytest.raises(ValueError, match="pre_set"):
        model.model_validate_json(text)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BenchError, match=r"run\.json is not a result of this version"):
        load_run(tmp_path / "run.json")
