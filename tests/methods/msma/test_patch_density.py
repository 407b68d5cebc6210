from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from datasets.case import Case
from methods.msma.patch_density import PatchDensity, augmented, spread, summary
from tests.methods.msma.smooth_brains import SHAPE, SmoothBrainModel, brain, fitted


@pytest.mark.parametrize("density", ["flow", "gaussian"])
def test_a_planted_lesion_is_found(density: str) -> None:
    found = fitted(density=density, one_sided=True).negative_log_likelihood(brain(9, lesion=0.5))
    assert found.dtype == np.float32
    assert found.shape == SHAPE
    inside = found[4:7, 4:7, 4:7].copy()
    found[3:8, 3:8, 3:8] = -np.inf  # patches at its edge are unusual as well
    assert inside.min() > np.quantile(found[np.isfinite(found)], 0.999)


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


RAW = {"norms": "raw", "image_summary": False, "dequantisation": 0.0, "steps": 200}


APART = {"features": "norm+mean", "kinds": "apart"}


@pytest.mark.parametrize("changes", [{}, APART, RAW, RAW | {"norms": "log"}, RAW | {"embedding_features": 4}])
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


def test_features_of_noisy_images_are_the_same_after_restoring() -> None:
    found, case = fitted(density="gaussian", features="norm+mean", noise_draws=2), brain(9, lesion=0.5)
    again = PatchDensity.restore(found.config, found.state(), "cpu", SmoothBrainModel())
    np.testing.assert_array_equal(found.negative_log_likelihood(case), again.negative_log_likelihood(case))
    without_noise = fitted(density="gaussian", features="norm+mean").negative_log_likelihood(case)
    assert not np.array_equal(found.negative_log_likelihood(case), without_noise)


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
