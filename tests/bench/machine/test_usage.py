"""How busy the machine is: sampled beside the work, kept as lines, read again."""

import time
from pathlib import Path

from bench.machine.usage import read_usage, sample, usage_kept


def test_samples_are_shares_and_sizes_of_this_machine() -> None:
    found = sample()
    assert set(found) >= {
        "cpu_utilization_percentage",
        "system_memory_usage_megabytes",
        "system_memory_usage_percentage",
    }
    assert 0 <= found["cpu_utilization_percentage"] <= 100 and 0 < found["system_memory_usage_percentage"] <= 100
    assert found["system_memory_usage_megabytes"] > 10


def test_long_work_leaves_samples_in_the_order_of_time_and_short_work_none(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "usage.jsonl"
    with usage_kept(file):
        pass
    assert not file.exists() and read_usage(file) == []
    before = time.time()
    with usage_kept(file, every_s=0.01):
        while not file.exists() or file.read_text().count("\n") < 3:
            assert time.time() - before < 30
            time.sleep(0.01)
    kept = read_usage(file)
    times = [one["time_s"] for one in kept]
    assert len(kept) >= 3 and times == sorted(times) and abs(times[0] - before) < 30
    assert set(kept[0]) == {"time_s", *sample()}
    time.sleep(0.05)
    assert len(read_usage(file)) == len(kept)  # none after its end


def test_what_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text('{"time_s": 20.0, "x": 2}\n[1]\n{"x": 5}\n{"time_s": 10.0, "x": 1}\n{"time_s": 30.0, "x"')
    assert read_usage(file) == [{"time_s": 10.0, "x": 1.0}, {"time_s": 20.0, "x": 2.0}]


def test_a_place_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with usage_kept(tmp_path / "file" / "usage.jsonl", every_s=0.01):
        time.sleep(0.1)
