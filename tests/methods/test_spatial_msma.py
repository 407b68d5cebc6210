from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from bench.component import FitContext
from bench.errors import BenchError
from bench.reporting import SilentReporter
from datasets.case import Case
from methods.diffusion.score_model import ScoreModel
from methods.msma.conditional import average_decay
from methods.msma.config import PatchDensityConfig
from methods.msma.embedding import GlobalEmbedding
from methods.msma.patch_density import PatchDensity, augmented, spread, summary
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
        "norms": "standardised",
        "embedding_features": 0,
        "image_summary": True,
        "position_features": 6,
        "blocks": 1,
        "hidden": 16,
        "residual_blocks": 1,
        "mixture": 2,
        "augmentation": "none",
        "dequantisation": 0.3,
        "steps": 60,
        "patches_per_step": 512,
        "images_per_step": 4,
        "learning_rate": 5e-3,
        "schedule": "one-cycle",
        "gradient_clip": 1.0,
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


def test_with_its_own_moments_a_rougher_scan_looks_like_any_other() -> None:
    """Its texture is stronger everywhere; the lesion still stands out."""
    case = brain(9, lesion=0.5)
    rougher = replace(case, image=3 * case.image)
    plain, own = (
        fitted(density="gaussian", one_sided=True, reading="standardised", case_moments=moments)
        for moments in (False, True)
    )
    values, changed = (own.negative_log_likelihood(one) for one in (case, rougher))
    assert np.median(changed) == pytest.approx(np.median(values), rel=0.05)
    assert np.median(plain.negative_log_likelihood(rougher)) > 2 * np.median(plain.negative_log_likelihood(case))
    assert changed[5, 5, 5] > np.quantile(changed, 0.995)


@pytest.mark.parametrize("case_moments", [False, True])
def test_patches_drawn_in_training_are_those_of_the_image(case_moments: bool) -> None:
    part = fitted(density="gaussian", reading="standardised", case_moments=case_moments)
    train = [brain(seed) for seed in range(2)]
    features = [part.features(case) for case in train]
    (source,) = part.unchanged_images(train[1:], features[1:])(torch.Generator())[:1]
    chosen = torch.randint(len(features[1]), (500,), generator=torch.Generator().manual_seed(1))
    drawn = source.at(chosen)
    whole = part.patches(train[1], features[1])
    torch.testing.assert_close(drawn.norms, whole.norms[chosen])
    torch.testing.assert_close(drawn.coordinates, whole.coordinates[chosen])
    torch.testing.assert_close(drawn.summary, whole.summary)


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
    at_the_mean = torch.distributions.Normal(0, grown(one.moments.sd, SHAPE)).log_prob(torch.tensor(0.0))
    healthy_mean = float(-at_the_mean.sum(0)[centre])
    assert one.negative_log_likelihood(case)[centre] == pytest.approx(healthy_mean, rel=1e-4)


def test_the_gaussian_is_the_normal_density_of_the_log_norms() -> None:
    found = fitted(density="gaussian", noise_levels=1)
    case = brain(9)
    log_norms = found.features(case).float()[:, 0]
    mean, sd = (grown(moments, SHAPE).ravel() for moments in found.moments)
    expected = -torch.distributions.Normal(mean, sd).log_prob(log_norms)
    values = found.negative_log_likelihood(case)
    torch.testing.assert_close(torch.from_numpy(values.ravel()), expected, rtol=1e-4, atol=1e-4)


def test_the_flow_is_a_density_of_the_log_norms() -> None:
    """Its density over one log norm, all else held, sums to one."""
    found = fitted(noise_levels=1)
    case = brain(9)
    patches = found.patches(case, found.features(case).float())
    assert found.density is not None
    grid = torch.linspace(-12, 12, 2401)[:, None]
    one_place = patches._replace(norms=grid, coordinates=patches.coordinates[:1].expand(len(grid), -1))
    total = found.density.log_likelihood(one_place, "cpu").exp().sum() * 0.01
    assert total == pytest.approx(1, abs=0.01)


RAW = {"norms": "raw", "image_summary": False, "dequantisation": 0.0, "steps": 200}


@pytest.mark.parametrize("changes", [{}, RAW, RAW | {"norms": "log"}, RAW | {"embedding_features": 4}])
def test_a_restored_density_gives_the_same_map(changes: dict[str, Any]) -> None:
    found, case = fitted(**changes, attention_width=8), brain(9, lesion=0.5)
    again = PatchDensity.restore(found.config, found.state(), "cpu", SmoothBrainModel())
    np.testing.assert_array_equal(found.negative_log_likelihood(case), again.negative_log_likelihood(case))


@pytest.mark.parametrize("norms", ["raw", "log"])
def test_norms_need_not_be_standardised(norms: str) -> None:
    found = fitted(**RAW | {"norms": norms, "augmentation": "authors-code", "steps": 60})
    assert found.moments is None
    values = found.negative_log_likelihood(brain(9, lesion=0.5))
    assert values[5, 5, 5] > np.quantile(values, 0.98)


def test_norms_of_augmented_images_are_computed_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    direction = SmoothBrainModel.noise_direction

    def watched_direction(model: SmoothBrainModel, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(image)
        return direction(model, image, sigma)

    monkeypatch.setattr(SmoothBrainModel, "noise_direction", watched_direction)
    fitted(**RAW | {"augmentation": "authors-code", "steps": 10, "images_per_step": 2})
    assert len(seen) == 2 * (10 * 2 + 1)  # levels x (images of the steps + validation)
    healthy = [torch.from_numpy(brain(i).image) for i in range(4)]
    new = [image for image in seen if not any(torch.equal(image[0], known) for known in healthy)]
    assert 0 < len(new) < len(seen)


def test_an_augmented_brain_is_where_a_channel_is_above_background() -> None:
    case = brain(0, channels=("T1w", "T2w"))
    case.image[:, :4] = -1
    case.image[0, 2] = 0.5
    brain_mask = (case.image > -1).any(axis=0)
    unmoved = 0
    for seed in range(20):
        again = augmented(case, torch.Generator().manual_seed(seed))
        assert np.array_equal(again.brain_mask, (again.image > -1).any(axis=0))
        unmoved += np.array_equal(again.brain_mask, brain_mask)
    assert unmoved > 5


def soft_lesion() -> Case:
    """A large region that is brighter by a third of the noise: no voxel of it is odd."""
    case = brain(9)
    case.image[:, 3:12, 3:12, 3:12] += 0.04
    return case


@pytest.mark.parametrize("density", ["flow", "gaussian"])
def test_signed_means_see_a_soft_lesion_that_norms_do_not(density: str) -> None:
    case = soft_lesion()
    apart = {}
    for features in ("norm", "mean", "norm+mean"):
        changes: dict[str, Any] = {"features": features, "mean_sizes": (5,), "density": density, "steps": 30}
        found = fitted(**changes, noise_levels=1, one_sided=True, reading="standardised")
        values = found.negative_log_likelihood(case)
        inside, outside = values[5:10, 5:10, 5:10], values[13:, 13:, 13:]
        apart[features] = (np.median(inside) - np.median(outside)) / values.std()
    assert apart["mean"] > 1 > abs(apart["norm"]) + 0.5, apart
    assert apart["norm+mean"] > apart["norm"], apart


def test_one_sided_leaves_signed_means_both_sides() -> None:
    bright, dark = brain(9), brain(9)
    bright.image[:, 3:12, 3:12, 3:12] += 0.2
    dark.image[:, 3:12, 3:12, 3:12] -= 0.2
    found = fitted(density="gaussian", features="mean", mean_sizes=(5,), one_sided=True)
    for case in (bright, dark):
        values = found.negative_log_likelihood(case)
        assert values[5:10, 5:10, 5:10].min() > np.quantile(values[13:, 13:, 13:], 0.99)


def test_the_gaussian_s_readings_by_hand() -> None:
    case = brain(9, lesion=0.5)
    found = fitted(density="gaussian", features="norm+mean", noise_levels=2)
    z = found.patches(case, found.features(case)).norms
    likelihood = found.negative_log_likelihood(case).ravel()
    log_sd = grown(found.moments.sd, SHAPE).log().sum(dim=0).ravel()
    found.config = found.config.model_copy(update={"reading": "standardised"})
    standardised = found.negative_log_likelihood(case).ravel()
    expected = -torch.distributions.Normal(0, 1).log_prob(z).sum(dim=1)
    torch.testing.assert_close(torch.from_numpy(standardised), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(likelihood, standardised + log_sd.numpy(), rtol=1e-3, atol=1e-3)
    found.config = found.config.model_copy(update={"reading": "largest"})
    largest = found.negative_log_likelihood(case).ravel()
    torch.testing.assert_close(torch.from_numpy(largest), z.abs().amax(dim=1) ** 2)


def test_features_of_noisy_images_are_the_same_after_restoring() -> None:
    found, case = fitted(density="gaussian", features="norm+mean", noise_draws=2), brain(9, lesion=0.5)
    again = PatchDensity.restore(found.config, found.state(), "cpu", SmoothBrainModel())
    np.testing.assert_array_equal(found.negative_log_likelihood(case), again.negative_log_likelihood(case))
    without_noise = fitted(density="gaussian", features="norm+mean").negative_log_likelihood(case)
    assert not np.array_equal(found.negative_log_likelihood(case), without_noise)


def test_the_largest_feature_is_no_density_of_the_flow() -> None:
    with pytest.raises(ValidationError, match="it takes density: gaussian"):
        PatchDensityConfig(norms="standardised", reading="largest")
    with pytest.raises(ValidationError, match="an edge is odd"):
        PatchDensityConfig(mean_sizes=(4,))


@pytest.mark.parametrize("setting", [{"density": "gaussian"}, {"one_sided": True}, {"reading": "standardised"}])
def test_what_counts_from_the_healthy_mean_needs_it(setting: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="it takes norms: standardised"):
        PatchDensityConfig(**setting)
    assert PatchDensityConfig(norms="standardised", **setting)


def test_the_average_of_weights_has_a_half_life_in_images_that_ramps_up() -> None:
    config = PatchDensityConfig()
    images = 2 * np.array([1, 1000, 10_000_000])
    expected = 0.5 ** (2 / np.minimum(50_000, 0.01 * images))
    assert [average_decay(config, int(n) // 2) for n in images] == pytest.approx(expected)
    fixed = PatchDensityConfig(average_decay=0.9)
    assert [average_decay(fixed, step) for step in (1, 2, 3)] == [0.0, 0.9, 0.9]


def test_the_embedding_is_the_authors() -> None:
    embedding = GlobalEmbedding(2, (96, 112, 80), features=128, width=512)
    shapes = {name: tuple(weights.shape) for name, weights in embedding.named_parameters()}
    assert shapes["coarse.weight"] == (2, 2, 17, 17, 17)
    assert shapes["coarser.weight"] == (2, 2, 3, 3, 3)
    assert shapes["block.norm_in.weight"] == (6, 7, 5)
    assert shapes["widen.weight"] == (512, 2)
    assert embedding.attend.num_heads == 8
    images = torch.rand(2, 2, 96, 112, 80, generator=torch.Generator().manual_seed(0))
    features = embedding(images)
    assert features.shape == (2, 128)
    assert not torch.allclose(features[0], features[1])


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
