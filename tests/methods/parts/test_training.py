"""The loop that trains every network: it resumes exactly, says when it diverges, and averages as written down."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.component import FitContext
from bench.contributing.contract import tiny_dataset
from bench.errors import BenchError
from bench.reporting import SilentReporter, Tick
from bench.runs.store import Store
from methods.diffusion.score_model import ScoreModel, build_network
from methods.diffusion.tiny import tiny_score_model
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity
from methods.parts import training_loop
from methods.parts.ahead import Batches, Examples, Prepare
from methods.parts.autoencoder import Autoencoder, AutoencoderConfig
from methods.parts.training import Training, one_cycle
from methods.parts.training_loop import CHECKPOINT, run_training
from methods.parts.training_state import TrainingState, update_average

SCORE_MODEL = tiny_score_model().model_copy(update={"iterations": 12})
FLOW = PatchDensityConfig(
    noise_levels=2,
    highest_sigma=0.3,
    attention_width=8,
    embedding_features=4,
    blocks=1,
    hidden=8,
    mixture=2,
    steps=30,
    patches_per_step=64,
    learning_rate=1e-2,
    average_decay=0.5,
)
AUTOENCODER = AutoencoderConfig(
    channels=(4, 8, 4), iterations=12, batch_size=2, crop_size=32, learning_rate=0.02, augmentation="none"
)


class Recording(SilentReporter):
    """Keeps what is said; stops a training after some steps, as a killed process would."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.killed_after = killed_after
        self.said: list[str] = []
        self.steps: list[int] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Tick]:
        def tick(steps: int = 1, note: str = "") -> None:
            if description.startswith("training "):
                self.steps.append(steps)
            if self.killed_after is not None and sum(self.steps) >= self.killed_after:
                raise KeyboardInterrupt

        yield tick


def make_context(folder: Path, reporter: SilentReporter, checkpoints: Path | None = None) -> FitContext:
    data = tiny_dataset()
    return FitContext(
        train=data.train,
        validation=data.validation,
        channels=data.channels,
        training_fingerprint="test",
        seed=0,
        device="cpu",
        store=Store(folder, shipped=None),
        reporter=reporter,
        checkpoint_folder=checkpoints,
    )


def fitted(kind: type[Any], config: Any, folder: Path, reporter: SilentReporter) -> tuple[dict[str, Tensor], Any]:
    """State and figures of a part trained in a store's folder; torch's own random stream starts anywhere."""
    upstream = None
    if kind is PatchDensity:
        upstream = ScoreModel(SCORE_MODEL, build_network(SCORE_MODEL, 2, torch.Generator().manual_seed(0)), "cpu")
    part = make_context(folder, reporter).fitted(kind, config, upstream)
    (card,) = folder.glob("*/card.json")
    return part.state(), json.loads(card.read_text())["figures"]


@pytest.fixture
def checkpoint_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "CHECKPOINT_EVERY_S", -1.0)


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize(
    ("kind", "config", "killed_after"),
    [
        (ScoreModel, SCORE_MODEL, 5),
        (ScoreModel, SCORE_MODEL.model_copy(update={"dropout": 0.3, "decay_learning_rate": True}), 7),
        (PatchDensity, FLOW, 20),
        (PatchDensity, FLOW.model_copy(update={"schedule": "one-cycle", "average_decay": None}), 11),
        (Autoencoder, AUTOENCODER, 8),
        (Autoencoder, AUTOENCODER.model_copy(update={"augmentation": "authors-code"}), 12),
    ],
)
def test_a_killed_training_goes_on_as_if_undisturbed(
    kind: type[Any], config: Any, killed_after: int, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    undisturbed, figures = fitted(kind, config, tmp_path / "one", Recording())
    torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt):
        fitted(kind, config, tmp_path / "two", Recording(killed_after))
    torch.manual_seed(2)
    second = Recording()
    resumed, figures_again = fitted(kind, config, tmp_path / "two", second)
    assert second.steps[0] == killed_after
    assert figures_again == figures
    assert same(undisturbed, resumed)
    assert not list(tmp_path.rglob(CHECKPOINT))


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
    ],
)
def test_a_diverged_training_is_one_sentence_and_never_kept(
    kind: type[Any], config: Any, sentence: str, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(BenchError, match=f"^{sentence}$"):
            fitted(kind, config, tmp_path, Recording())
        assert not list(tmp_path.rglob("*.safetensors"))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def toy(steps: int = 20, inputs: int = 3, **changes: Any) -> Training:
    """A line through noise."""
    torch.manual_seed(0)
    network = nn.Linear(inputs, 1)

    def draw(_step: int, generator: torch.Generator) -> Prepare:
        x = torch.randn(8, inputs, generator=generator)
        return lambda: (x,)

    def loss(call: nn.Module, examples: Examples) -> Tensor:
        (x,) = examples
        error: Tensor = call(x) - x.sum(dim=1, keepdim=True)
        return error.square().mean()

    settings: dict[str, Any] = {
        "name": "the toy",
        "remedy": "play slowly",
        "network": network,
        "schedule": torch.optim.lr_scheduler.ConstantLR(torch.optim.Adam(network.parameters(), 0.1), 1.0),
        "generator": torch.Generator().manual_seed(0),
        "steps": steps,
        "draw": draw,
        "loss": loss,
        "validate": lambda averaged: {"bias": averaged.bias.item()},
        "validate_every": steps // 4,
        "note": str,
    } | changes
    return Training(**settings)


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize("damage", ["cut off", "empty", "of another network", "of an earlier version"])
def test_a_checkpoint_that_cannot_be_used_starts_anew_and_says_so(damage: str, tmp_path: Path) -> None:
    undisturbed = toy(average_decay=lambda step: 0.5)
    figures = run_training(undisturbed, make_context(tmp_path, SilentReporter())).figures
    path = tmp_path / CHECKPOINT
    with pytest.raises(KeyboardInterrupt):
        inputs = 4 if damage == "of another network" else 3
        run_training(
            toy(inputs=inputs, average_decay=lambda step: 0.5), make_context(tmp_path, Recording(10), tmp_path)
        )
    if damage == "cut off":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "of an earlier version":
        save_file(load_file(path), path)  # nothing in the header

    again, reporter = toy(average_decay=lambda step: 0.5), Recording()
    assert run_training(again, make_context(tmp_path, reporter, tmp_path)).figures == figures
    assert same(again.network.state_dict(), undisturbed.network.state_dict())
    assert reporter.said == [f"{path} cannot be used: training the toy starts anew."]


@pytest.mark.parametrize("keep_lowest", [None, "error"])
@pytest.mark.parametrize("error", [float("inf"), float("nan")])
def test_a_figure_that_is_not_finite_in_the_end_is_divergence(error: float, keep_lowest: str | None) -> None:
    context = make_context(Path(), SilentReporter())
    with pytest.raises(BenchError, match=r"^The toy diverged at step 20: play slowly\.$"):
        run_training(toy(validate=lambda averaged: {"error": error}, keep_lowest=keep_lowest), context)
    errors = iter([error, 1.0, 3.0, 2.0])  # batch statistics of the first steps may be wild
    recovered = toy(validate=lambda averaged: {"error": next(errors)}, keep_lowest=keep_lowest)
    assert run_training(recovered, context).figures == {"error": 1.0 if keep_lowest else 2.0}


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
    assert figures == {"error": 1.0}
    assert same(dict(network.state_dict()), seen[1])
    assert not same(seen[1], seen[3])
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


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


def test_resumed_moments_lie_in_memory_as_their_parameters(tmp_path: Path) -> None:
    def state() -> tuple[Tensor, TrainingState]:
        network = nn.Conv3d(2, 2, 3)
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        schedule = torch.optim.lr_scheduler.ConstantLR(torch.optim.Adam(network.parameters()), 1.0)
        volumes = torch.randn(1, 2, 5, 5, 5)
        toys = toy(network=network, schedule=schedule, loss=lambda call, _examples: call(volumes).mean())
        return network.weight, TrainingState(toys, make_context(tmp_path, SilentReporter()))

    weight, first = state()
    first.advance(Batches(first.training.draw, first.training.generator, "cpu", 0, 1))
    first.save(tmp_path / CHECKPOINT, first.training.generator.get_state())
    weight_again, second = state()
    assert second.resume(tmp_path / CHECKPOINT)
    moments, moments_again = first.optimizer.state[weight], second.optimizer.state[weight_again]
    assert moments["exp_avg"].stride() == moments_again["exp_avg"].stride() != torch.empty(weight.shape).stride()
    assert torch.equal(moments["exp_avg_sq"], moments_again["exp_avg_sq"])


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
