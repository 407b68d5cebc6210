from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from datasets.case import Case
from methods.diffusion.sampling_runs import shift_per_sigma
from methods.msma.score_norms import norms_per_level, patch_norm, score_features


def test_patch_norm_of_one_voxel_by_hand() -> None:
    score = torch.zeros(2, 5, 5, 5)
    score[:, 2, 2, 2] = torch.tensor([3.0, 4.0])
    (norm,) = patch_norm(score, 3, "norm")
    assert norm[2, 2, 2].item() == pytest.approx(5)
    assert norm[1, 1, 1].item() == pytest.approx(5)  # the corner of its 3 x 3 x 3 neighbourhood
    assert norm[0, 2, 2] == 0
    assert patch_norm(score, 1, "norm")[0, 1, 1, 1] == 0


def test_a_constant_score_adds_up_over_the_patch_and_loses_the_border() -> None:
    (norm,) = patch_norm(torch.full((1, 5, 5, 5), 2.0), 3, "norm")
    assert norm[2, 2, 2].item() == pytest.approx((27 * 4) ** 0.5)
    assert norm[0, 0, 0].item() == pytest.approx((8 * 4) ** 0.5)


def test_opposite_channels_cancel_in_the_sum_only() -> None:
    score = torch.stack([torch.ones(4, 4, 4), -torch.ones(4, 4, 4)])
    assert patch_norm(score, 3, "sum").max() == 0
    assert patch_norm(score, 1, "norm").min().item() == pytest.approx(2**0.5)


def test_separate_channels_have_norms_of_their_own() -> None:
    score = torch.stack([torch.full((4, 4, 4), 2.0), torch.full((4, 4, 4), -3.0)])
    norms = patch_norm(score, 3, "separate")
    assert norms[:, 1, 1, 1].tolist() == pytest.approx([27**0.5 * 2, 27**0.5 * 3])
    assert norms.square().sum(dim=0).sqrt().allclose(patch_norm(score, 3, "norm")[0])


def test_the_norm_of_the_sum_follows_those_of_the_channels() -> None:
    score = torch.stack([torch.full((4, 4, 4), 2.0), torch.full((4, 4, 4), -3.0)])
    assert patch_norm(score, 1, "separate+sum")[:, 1, 1, 1].tolist() == pytest.approx([2, 3, 1])
    assert len(patch_norm(score[:1], 1, "separate+sum")) == norms_per_level(1, "separate+sum") == 1
    for join, count in (("norm", 1), ("sum", 1), ("separate", 2), ("separate+sum", 3)):
        assert len(patch_norm(score, 3, join)) == norms_per_level(2, join) == count  # type: ignore[arg-type]


def test_score_features_match_the_closed_form_of_gaussian_data() -> None:
    # Data N(mean, sd^2): the score of data plus noise at x is (mean - x) / (sd^2 + sigma^2).
    mean, sd = 0.1, 0.3
    model = SimpleNamespace(
        multiple_of=8,
        device="cpu",
        noise_direction=lambda x, sigma: sigma.view(-1, 1, 1, 1, 1) * (mean - x) / (sd**2 + sigma**2),
    )
    image = np.random.default_rng(0).normal(mean, sd, (2, 16, 16, 16)).astype(np.float32)
    case = Case("sub-1", image, np.ones((16, 16, 16), bool), None, np.eye(4), ("T1w", "T2w"))
    levels = torch.tensor([0.5, 0.1])
    norms = score_features(model, case, levels, lambda score: patch_norm(score, 1, "norm")).numpy()  # type: ignore[arg-type]
    for found, sigma in zip(norms, levels.tolist(), strict=True):
        expected = sigma * np.sqrt(((image - mean) ** 2).sum(0)) / (sd**2 + sigma**2)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    separate = score_features(model, case, levels, lambda score: patch_norm(score, 1, "separate")).numpy()  # type: ignore[arg-type]
    assert separate.shape == (4, 16, 16, 16)
    np.testing.assert_allclose(np.hypot(separate[2], separate[3]), norms[1], rtol=1e-4)  # both channels of level 1


def test_noise_is_taken_off_again_and_leaves_the_shift_to_the_mean() -> None:
    """Of Gaussian data the denoised image is x + sigma^2 (mean - x - sigma z) / (sd^2 + sigma^2)."""
    mean, sd, sigma = 0.1, 0.3, 0.5
    image = torch.full((1, 1, 24, 24, 24), 0.9)

    def direction(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return level.view(-1, 1, 1, 1, 1) * (mean - x) / (sd**2 + level.view(-1, 1, 1, 1, 1) ** 2)

    model: Any = SimpleNamespace(noise_direction=direction)
    shift = sigma * (mean - 0.9) / (sd**2 + sigma**2)
    levels = torch.tensor([sigma, sigma / 2])
    of_the_image = shift_per_sigma(model, image, levels, [])
    torch.testing.assert_close(of_the_image[0], torch.full_like(image[0], shift))
    left = []
    for draws in (1, 4):
        generator = torch.Generator().manual_seed(0)
        noises = [torch.randn(2, *image.shape[1:], generator=generator) for _ in range(draws)]
        found = shift_per_sigma(model, image, levels, noises)[0]
        assert float(found.mean()) == pytest.approx(shift, abs=0.01)
        left.append(float(found.std()))
    known = 1 - sigma**2 / (sd**2 + sigma**2)  # what is left of unit noise
    assert left == pytest.approx([known, known / 2], rel=0.05)


def test_noise_is_the_case_s_own() -> None:
    model: Any = SimpleNamespace(multiple_of=8, device="cpu", noise_direction=lambda x, sigma: x)
    image = np.zeros((1, 8, 8, 8), np.float32)
    cases = [Case(name, image, np.ones((8, 8, 8), bool), None, np.eye(4), ("T1w",)) for name in ("sub-1", "sub-2")]
    levels = torch.tensor([0.5])
    first, other, again = (
        score_features(model, case, levels, lambda score: score, draws=1, seed=3) for case in (*cases, cases[0])
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, score_features(model, cases[0], levels, lambda score: score, draws=1, seed=4))
