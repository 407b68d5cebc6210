"""The loop that trains every network: it says when it diverges, and averages as written down."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from bench.errors import BenchError
from bench.reporting import SilentReporter
from methods.diffusion.score_model import ScoreModel
from methods.msma.patch_density import PatchDensity
from methods.parts.autoencoder import Autoencoder
from methods.parts.denoiser import Denoiser
from methods.parts.training import Training, one_cycle
from methods.parts.training_loop import CHECKPOINT, run_training
from methods.parts.training_state import update_average
from tests.methods.parts.trainings import (
    AUTOENCODER,
    DENOISER,
    FLOW,
    SCORE_MODEL,
    Recording,
    fitted,
    make_context,
    same,
    toy,
)


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        (
            ScoreModel,
            SCORE_MODEL.model_copy(update={"learning_rate": 1e30, "warm_up": 0}),
            r"The score model diverged at step \d+: lower score_model.learning_rate or set score_model.bfloat16=false.",
        ),
        (
            PatchDensity,
            FLOW.model_copy(update={"learning_rate": 1e30}),
            r"The flow diverged at step \d+: lower patches.learning_rate.",
        ),
        (
            Autoencoder,
            AUTOENCODER.model_copy(update={"learning_rate": 1e30}),
            r"The autoencoder diverged at step \d+: lower autoencoder.learning_rate or set autoencoder.bfloat16=false.",
        ),
        (
            Denoiser,
            DENOISER.model_copy(update={"learning_rate": 1e30}),
            r"The denoiser diverged at step \d+: lower denoiser.learning_rate or set denoiser.bfloat16=false.",
        ),
    ],
)
def test_a_diverged_training_is_one_sentence_and_never_kept(
    kind: type[Any], config: Any, sentence: str, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(BenchError, match=f"^{sentence}$"):
            fitted(kind, config, tmp_path, Recording())
        assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize("keep_lowest", [None, "error"])
@pytest.mark.parametrize("error", [float("inf"), float("nan")])
def test_a_figure_that_is_not_finite_in_the_end_is_divergence(error: float, keep_lowest: str | None) -> None:
    context = make_context(Path(), SilentReporter())
    with pytest.raises(BenchError, match=r"^The toy diverged at step 20: play slowly\.$"):
        run_training(toy(validate=lambda averaged: {"error": error}, keep_lowest=keep_lowest), context)
    errors = iter([error, 1.0, 3.0, 2.0])  # batch statistics of the first steps may be wild
    recovered = toy(validate=lambda averaged: {"error": next(errors)}, keep_lowest=keep_lowest)
    assert run_training(recovered, context).figures["error"] == (1.0 if keep_lowest else 2.0)


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize("killed_after", [None, 12])
def test_the_weights_of_the_lowest_figure_are_kept(killed_after: int | None, tmp_path: Path) -> None:
    errors = iter([3.0, 1.0, 2.0, 4.0])
    seen: list[dict[str, Tensor]] = []

    def validate(averaged: nn.Module) -> dict[str, float]:
        seen.append(copy.deepcopy(averaged.state_dict()))
        return {"error": next(errors)}

    def attempt(reporter: SilentReporter) -> tuple[nn.Module, dict[str, float]]:
        lowest = toy(validate=validate, keep_lowest="error", average_decay=lambda step: 0.9)
        return lowest.network, run_training(lowest, make_context(tmp_path, reporter, tmp_path)).figures

    if killed_after is not None:
        with pytest.raises(KeyboardInterrupt):
            attempt(Recording(killed_after))
    network, figures = attempt(SilentReporter())
    assert figures["error"] == 1.0
    assert [figures[f"validation at step {step}"] for step in (5, 10, 15, 20)] == [3.0, 1.0, 2.0, 4.0]
    assert same(dict(network.state_dict()), seen[1])
    assert not same(seen[1], seen[3])
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize("killed_after", [None, 7])
def test_the_mean_loss_of_each_tenth_is_kept(killed_after: int | None, tmp_path: Path) -> None:
    """The loss is the step's number, so that the means of 1 and 2, 3 and 4, ... are known."""

    def counting() -> Training:
        plain = toy()
        numbers = iter(range(resumed_at + 1, 21))
        return replace(plain, loss=lambda call, examples: plain.loss(call, examples) * 0 + next(numbers))

    resumed_at = 0
    if killed_after is not None:
        with pytest.raises(KeyboardInterrupt):
            run_training(counting(), make_context(tmp_path, Recording(killed_after), tmp_path))
        with safe_open(tmp_path / CHECKPOINT, framework="pt") as file:
            resumed_at = json.loads(file.metadata()["numbers"])["step"]
        assert 0 < resumed_at < 20
    figures = run_training(counting(), make_context(tmp_path, SilentReporter(), tmp_path)).figures
    losses = {name: value for name, value in figures.items() if name.startswith("loss")}
    assert losses == {f"loss at step {step}": step - 0.5 for step in range(2, 21, 2)}


def test_the_average_is_exponential_and_takes_buffers_as_they_are() -> None:
    averaged, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    averaged.requires_grad_(False)
    expected = 1.0
    for value, decay in ((2.0, 0.0), (4.0, 0.9), (8.0, 0.5)):
        network.weight.data.fill_(value)
        network.running_mean.fill_(value)  # type: ignore[union-attr]
        update_average(averaged, network, decay)
        expected = decay * expected + (1 - decay) * value
        assert averaged.weight.item() == pytest.approx(expected)
        assert averaged.running_mean.item() == value  # type: ignore[union-attr]


def test_without_an_average_the_network_ends_with_its_last_weights(tmp_path: Path) -> None:
    plain = toy()
    figures = run_training(plain, make_context(tmp_path, SilentReporter(), tmp_path)).figures
    assert figures["bias"] == plain.network.state_dict()["bias"].item()
    assert not (tmp_path / CHECKPOINT).exists()  # one a minute


@pytest.mark.parametrize("steps", [1, 9, 10, 11, 100])
def test_one_cycle_rises_and_falls_over_any_number_of_steps(steps: int) -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], 0.3)
    schedule = one_cycle(optimizer, 0.3, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert max(rates) <= 0.3 + 1e-9
    if steps == 100:
        assert rates[9] == pytest.approx(0.3)
        assert rates[0] == pytest.approx(0.3 / 25)
        assert rates[-1] < 1e-4
