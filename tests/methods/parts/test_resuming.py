"""A training that was stopped goes on as if it had not been; from a checkpoint of another one it starts anew."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.reporting import SilentReporter
from methods.diffusion.score_model import ScoreModel
from methods.msma.patch_density import PatchDensity
from methods.parts.ahead import Batches
from methods.parts.autoencoder import Autoencoder
from methods.parts.denoiser import Denoiser
from methods.parts.training_loop import CHECKPOINT, run_training
from methods.parts.training_state import TrainingState
from tests.methods.parts.trainings import (
    AUTOENCODER,
    DENOISER,
    FLOW,
    PRESET_FLOW,
    SCORE_MODEL,
    Recording,
    fitted,
    make_context,
    same,
    toy,
)


@pytest.mark.usefixtures("checkpoint_every_step")
@pytest.mark.parametrize(
    ("kind", "config", "killed_after"),
    [
        (ScoreModel, SCORE_MODEL, 5),
        (ScoreModel, SCORE_MODEL.model_copy(update={"dropout": 0.3, "decay_learning_rate": True}), 7),
        (PatchDensity, FLOW, 20),
        (PatchDensity, FLOW.model_copy(update={"schedule": "one-cycle", "average_decay": None}), 11),
        (PatchDensity, PRESET_FLOW, 17),
        (Autoencoder, AUTOENCODER, 8),
        (Autoencoder, AUTOENCODER.model_copy(update={"augmentation": "authors-code"}), 12),
        (Denoiser, DENOISER, 7),
        (Denoiser, DENOISER.model_copy(update={"augmentation": "authors-code"}), 10),
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
