"""The cost model adds up what its FLOPs, steps and seconds say."""

import json
from argparse import Namespace

import pytest
import torch

from benchmarks import scaling
from methods.msma.config import PatchDensityConfig


def test_flops_are_two_for_a_multiply_and_an_add() -> None:
    a, b = torch.empty(100, 200, device="meta"), torch.empty(200, 300, device="meta")
    assert scaling.counted(lambda: a @ b) == pytest.approx(2 * 100 * 200 * 300 / 1e12)


def test_the_networks_of_the_paper_are_counted() -> None:
    tflop = scaling.networks()
    assert tflop["score training"] == pytest.approx(3 * tflop["score forward"], rel=0.05)
    assert tflop["flow of a brain"] > 0
    assert tflop["flow training step"] > 0


def test_hours_follow_from_steps_flops_and_a_measured_step(monkeypatch, capsys) -> None:
    names = ("score forward", "score training", "autoencoder forward", "autoencoder training")
    tflop = dict.fromkeys((*names, "flow of a brain", "flow training step"), 0.0) | {
        "score forward": 0.25,
        "score training": 0.75,
        "flow of a brain": 2.0,
        "flow training step": 0.5,
    }
    monkeypatch.setattr(scaling, "networks", lambda: tflop)
    options = Namespace(step_s=0.15, forward_s=None, flow_s=4.0, tflops=10.0, gpus=[1, 8, 64])
    rows = {row["what"]: row for row in scaling.costs(options)}
    training = rows["train score model"]
    assert training["TFLOP/s"] == pytest.approx(8 * 0.75 / 0.15)
    # 750 000 steps of 8 images at 0.15 s, as many of 16 in twice the time: 337 500 s; 8 GPUs share a step.
    assert [training[f"hours on {gpus}"] for gpus in (1, 8, 64)] == pytest.approx([93.75, 11.72, 11.72], abs=0.01)
    inpaint = rows["score inpaint"]  # 165 cases of 10 samples with 2000 evaluations
    assert inpaint["TFLOP"] == pytest.approx(165 * 20_000 * 0.25)
    assert inpaint["hours on 64"] == pytest.approx(3 * 20_000 * 0.25 / 10 / 3600)  # three cases on some, two on others
    flow = rows["train flow: steps"]  # half a TFLOP a step, at the 2 TFLOP in 4 s of a brain: a second
    assert flow["hours on 1"] == pytest.approx(PatchDensityConfig().steps / 3600)
    levels = PatchDensityConfig().noise_levels
    assert rows["score spatial-msma"]["hours on 1"] == pytest.approx(165 * (levels * 0.25 / 10 + 4) / 3600)
    everything = rows["all, one after another"]
    assert everything["TFLOP"] == pytest.approx(sum(row["TFLOP"] for row in rows.values()) / 2)
    monkeypatch.setattr("sys.argv", ["scaling.py", "cost", "--json"])
    scaling.main()
    assert {row["what"] for row in json.loads(capsys.readouterr().out)} == rows.keys()
