from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench.component import FitContext
from bench.errors import BenchError
from bench.reporting import SilentReporter
from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity, log_score_norms, spread, summary
from methods.parts.smoothing import grown

SHAPE = (16, 16, 16)


class SmoothBrainModel(ScoreModel):
    """An analytic score model: healthy brains are 0 inside, give or take 0.1."""

    def __init__(self, channels: int = 1) -> None:
        self.device, self.multiple_of, self.key = "cpu", 8, "analytic"
        self.process = ScoreModelProcess
        self.network = SimpleNamespace(first=SimpleNamespace(in_channels=channels))  # type: ignore[assignment]

    def noise_direction(self, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return -sigma.view(-1, 1, 1, 1, 1) * image / (0.1**2 + sigma.view(-1, 1, 1, 1, 1) ** 2)


class ScoreModelProcess:
    @staticmethod
    def noise_levels(count: int, highest: float, lowest: float) -> torch.Tensor:
        return torch.linspace(highest, lowest, count)


def brain(seed: int, lesion: float = 0.0, quiet: float = 0.0, channels: tuple[str, ...] = ("T1w",)) -> Case:
    """Noise of sd 0.1, the same in all channels; a lesion that is brighter, or a region of unusually little noise."""
    image = 0.1 * np.random.default_rng(seed).standard_normal((1, *SHAPE)).repeat(len(channels), axis=0)
    image[:, 4:7, 4:7, 4:7] += lesion
    if quiet:
        image[0, 9:12, 9:12, 9:12] *= quiet
    return Case(f"sub-{seed}", image.astype(np.float32), np.ones(SHAPE, bool), None, np.eye(4), channels)


def fitted(channels: tuple[str, ...] = ("T1w",), **changes: Any) -> PatchDensity:
    settings = {
        "noise_levels": 2,
        "highest_sigma": 0.2,
        "lowest_sigma": 0.1,
        "embedding_features": 0,
        "position_features": 6,
        "blocks": 1,
        "hidden": 16,
        "residual_blocks": 1,
        "mixture": 2,
        "dequantisation": 0.3,
        "steps": 60,
        "patches_per_step": 512,
        "learning_rate": 5e-3,
        "average_decay": 0.9,
    } | changes
    train = [brain(seed, channels=channels) for seed in range(4)]
    context = FitContext(
        train=train,
        validation=train[:1],
        channels=channels,
        training_fingerprint="test",
        seed=0,
        device="cpu",
        store=None,  # type: ignore[arg-type]
        reporter=SilentReporter(),
    )
    return PatchDensity.train(PatchDensityConfig(**settings), context, SmoothBrainModel(len(channels)))


@pytest.mark.parametrize("density", ["flow", "gaussian"])
def test_a_planted_lesion_is_found(density: str) -> None:
    found = fitted(density=density, one_sided=True).negative_log_likelihood(brain(9, lesion=0.5))
    assert found.dtype == np.float32
    assert found.shape == SHAPE
    inside = found[4:7, 4:7, 4:7].copy()
    found[3:8, 3:8, 3:8] = -np.inf  # patches at its edge are unusual as well
    assert inside.min() > np.quantile(found[np.isfinite(found)], 0.999)


def test_the_flow_sees_channels_come_apart_that_go_together() -> None:
    channels = ("T1w", "T2w")
    case = brain(9, quiet=0.8, channels=channels)
    places = {}
    for density in ("flow", "gaussian"):
        found = fitted(channels, density=density, join_channels="separate", noise_levels=1, steps=300)
        values = found.negative_log_likelihood(case)
        places[density] = (values < values[10, 10, 10]).mean()
    assert places["flow"] > 0.99
    assert places["gaussian"] < 0.97, places


def test_one_sided_maps_do_not_see_norms_that_are_too_small() -> None:
    case = brain(9, quiet=0.02)
    centre = (10, 10, 10)
    both, one = (fitted(density="gaussian", one_sided=side) for side in (False, True))
    assert both.negative_log_likelihood(case)[centre] > np.quantile(both.negative_log_likelihood(case), 0.99)
    at_the_mean = torch.distributions.Normal(0, grown(one.sd, SHAPE)).log_prob(torch.tensor(0.0))
    healthy_mean = float(-at_the_mean.sum(0)[centre])
    assert one.negative_log_likelihood(case)[centre] == pytest.approx(healthy_mean, rel=1e-4)


def test_the_gaussian_is_the_normal_density_of_the_log_norms() -> None:
    found = fitted(density="gaussian", noise_levels=1)
    case = brain(9)
    log_norms = log_score_norms(found.config, found.model, case).float()[:, 0]
    mean, sd = (grown(moments, SHAPE).ravel() for moments in (found.mean, found.sd))
    expected = -torch.distributions.Normal(mean, sd).log_prob(log_norms)
    values = found.negative_log_likelihood(case)
    torch.testing.assert_close(torch.from_numpy(values.ravel()), expected, rtol=1e-4, atol=1e-4)


def test_the_flow_is_a_density_of_the_log_norms() -> None:
    """Its density over one log norm, all else held, sums to one."""
    found = fitted(noise_levels=1)
    case = brain(9)
    patches = found.patches(case, log_score_norms(found.config, found.model, case).float())
    assert found.density is not None
    grid = torch.linspace(-12, 12, 2401)[:, None]
    one_place = patches._replace(norms=grid, coordinates=patches.coordinates[:1].expand(len(grid), -1))
    total = found.density.log_likelihood(one_place, "cpu").exp().sum() * 0.01
    assert total == pytest.approx(1, abs=0.01)


def test_a_restored_density_gives_the_same_map() -> None:
    found, case = fitted(), brain(9, lesion=0.5)
    again = PatchDensity.restore(found.config, found.state(), "cpu", SmoothBrainModel())
    np.testing.assert_array_equal(found.negative_log_likelihood(case), again.negative_log_likelihood(case))


def test_another_grid_is_refused_in_one_sentence() -> None:
    case = Case("sub-1", np.zeros((1, 8, 8, 8), np.float32), np.ones((8, 8, 8), bool), None, np.eye(4), ("T1w",))
    with pytest.raises(BenchError, match=r"sub-1 has a grid of \(8, 8, 8\)"):
        fitted(density="gaussian").negative_log_likelihood(case)


def test_the_summary_of_standard_normal_norms_is_zero_and_few_outliers_do_not_move_it() -> None:
    norms = torch.randn(20000, 2, generator=torch.Generator().manual_seed(0))
    assert summary(norms).abs().max() < 0.05
    norms[:200] = 50
    assert summary(norms).abs().max() < 0.07


def test_values_return_to_their_voxels() -> None:
    mask = torch.zeros(2, 2, 2, dtype=torch.bool)
    mask[0, 0, 1] = mask[1, 1, 0] = True
    volume = spread(torch.tensor([[3.0], [4.0]]), mask, outside=-1)
    assert volume[0, 0, 0, 1] == 3
    assert volume[0, 1, 1, 0] == 4
    assert volume[0, 0, 0, 0] == -1
