import dataclasses

import pytest
import torch

from bench.component import FitContext
from datasets.case import Case
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.training import NOISE_BANDS, denoising_loss, learning_rate, validation_loss
from methods.parts.training import tenth_or_5000


def trained(config: ScoreModelConfig, cases: list[Case], context: FitContext) -> ScoreModel:
    return ScoreModel.train(config, dataclasses.replace(context, train=cases, validation=cases), None)


def test_a_perfect_estimate_has_no_loss() -> None:
    noise = torch.randn(2, 1, 8, 8, 8)
    assert denoising_loss(lambda x, sigma: -noise, noise, noise, torch.ones(2), bfloat16=False) == 0
    zero = denoising_loss(lambda x, sigma: 0 * x, noise, noise, torch.ones(2), bfloat16=False)
    assert zero.item() == pytest.approx(noise.square().mean().item())


def test_training_lowers_the_validation_loss(tiny: ScoreModelConfig, cases: list[Case], context: FitContext) -> None:
    short = trained(tiny.model_copy(update={"iterations": 1}), cases, context).figures
    longer = trained(tiny.model_copy(update={"iterations": 60}), cases, context).figures
    bands = list(short)[:NOISE_BANDS]
    assert sum(longer[band] for band in bands) < 0.8 * sum(short[band] for band in bands)


def test_the_losses_of_each_tenth_of_the_training_are_kept(
    tiny: ScoreModelConfig, cases: list[Case], context: FitContext
) -> None:
    figures = trained(tiny.model_copy(update={"iterations": 40}), cases, context).figures
    curves = {name: value for name, value in figures.items() if " at step " in name}
    tenths = range(4, 41, 4)
    assert set(curves) == {f"{curve} at step {step}" for curve in ("loss", "validation") for step in tenths}
    bands = [value for name, value in figures.items() if name not in curves]
    assert curves["validation at step 40"] == pytest.approx(sum(bands) / NOISE_BANDS)


@pytest.mark.parametrize("crop_size", [16, None])
def test_a_model_of_whole_images_is_watched_on_whole_images_one_at_a_time(
    crop_size: int | None, tiny: ScoreModelConfig, cases: list[Case], context: FitContext
) -> None:
    seen: list[tuple[int, ...]] = []

    def network(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(noisy.shape))
        return 0 * noisy

    config = tiny.model_copy(update={"crop_size": crop_size})
    losses = validation_loss(config, dataclasses.replace(context, validation=cases))(network)
    assert list(losses.values()) == pytest.approx([1] * NOISE_BANDS, rel=0.1)  # of unit noise
    whole = (1, 2, 32, 32, 32)
    assert seen == [whole] * 8 * NOISE_BANDS if crop_size is None else [(8, 2, 16, 16, 16)] * NOISE_BANDS


def test_long_trainings_are_watched_every_5000_steps_and_short_ones_ten_times() -> None:
    assert [tenth_or_5000(steps) for steps in (1, 60, 2000, 8000, 50_000, 1_500_000)] == [1, 6, 200, 800, 5000, 5000]


def test_same_seed_same_weights(tiny: ScoreModelConfig, cases: list[Case], context: FitContext) -> None:
    first, second = (trained(tiny, cases, context).state() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = trained(tiny, cases, dataclasses.replace(context, seed=1)).state()
    assert not torch.equal(first["first.weight"], other["first.weight"])


def test_a_restored_model_gives_the_same_scores(tiny: ScoreModelConfig, cases: list[Case], context: FitContext) -> None:
    model = trained(tiny, cases, context)
    again = ScoreModel.restore(tiny, model.state(), "cpu", None)
    image, sigma = torch.randn(1, 2, 16, 16, 16), torch.tensor([0.3])
    assert torch.equal(model.noise_direction(image, sigma), again.noise_direction(image, sigma))
    assert again.network_evaluations == 1


def test_learning_rate_warms_up_and_decays(tiny: ScoreModelConfig) -> None:
    config = tiny.model_copy(update={"decay_learning_rate": True, "iterations": 100, "warm_up": 10})
    assert learning_rate(config, 0) == pytest.approx(0.1 * config.learning_rate, rel=1e-3)
    assert learning_rate(config, 100) == pytest.approx(0.1 * config.learning_rate)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"crop_size": 17}, "multiple of"), ({"blocks_up": (1, 1)}, "one a level"), ({"sigma_max": 0.01}, "larger")],
)
def test_settings_that_do_not_agree_are_refused(change: dict[str, object], complaint: str) -> None:
    settings = {"multipliers": (1, 2), "blocks_down": (1, 1), "blocks_up": (1,), **change}
    with pytest.raises(ValueError, match=complaint):
        ScoreModelConfig(**settings)  # type: ignore[arg-type]
