import pytest
import torch

from methods.msma.config import PatchDensityConfig
from methods.msma.features import PatchFeatures, patch_mean
from methods.msma.score_norms import patch_norm


def test_the_mean_keeps_the_sign_and_noise_averages_out() -> None:
    score = torch.zeros(2, 5, 5, 5)
    score[0, 2, 2, 2] = -27.0
    score[1] = 3.0
    first, second = patch_mean(score, 3)
    assert first[2, 2, 2] == first[1, 1, 1] == first[3, 2, 1] == -1
    assert first[0, 2, 2] == 0
    assert second[2, 2, 2] == 3
    assert second[0, 0, 0].item() == pytest.approx(3 * 8 / 27)  # beyond the border lies nothing
    assert torch.equal(patch_mean(score, 1), score)


def test_norms_come_first_and_each_channel_has_its_means() -> None:
    score = torch.randn(2, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    features = PatchFeatures(3, "separate+sum", (3, 5))
    found = features.of(score)
    assert features.are_norms(2) == [True] * 3 + [False] * 4
    assert torch.equal(found[:3], patch_norm(score, 3, "separate+sum"))
    assert torch.equal(found[3:5], patch_mean(score, 3))
    assert torch.equal(found[5:], patch_mean(score, 5))


@pytest.mark.parametrize(("features", "per_level"), [("norm", [True]), ("mean", [False]), ("norm+mean", [True, False])])
def test_settings_say_which_features_a_patch_has(features: str, per_level: list[bool]) -> None:
    config = PatchDensityConfig(features=features, noise_levels=2)
    assert config.are_norms(1) == 2 * per_level
    assert len(config.patch_features.of(torch.zeros(1, 4, 4, 4))) == len(per_level)
