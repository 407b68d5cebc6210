"""The scoring benchmark runs with the shipped presets."""

import json

import pytest

from benchmarks import scoring


def test_scoring_of_the_cpu_preset_prints_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scoring, "SHAPE", (32, 32, 32))
    monkeypatch.setattr("sys.argv", ["scoring.py", "--json", "--repeats", "1"])
    scoring.main()
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["preset"] == "cpu"
    assert all(numbers[name] > 0 for name in ("ours_s", "peer_s", "restoration_s", "inpaint_s"))
    assert numbers["brain_voxels"] == pytest.approx(4 / 3 * 3.1416 * 0.78 * 0.82 * 0.80 * 15.5**3, rel=0.05)
