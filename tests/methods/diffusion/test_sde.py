import pytest
import torch

from methods.diffusion.sde import VarianceExploding, add_noise


def test_sigma_runs_geometrically_between_its_ends() -> None:
    process = VarianceExploding(0.06, 545.0)
    sigma = process.sigma(torch.tensor([0.0, 0.25, 0.5, 1.0]))
    assert sigma[0] == pytest.approx(0.06)
    assert sigma[3] == pytest.approx(545, rel=1e-5)
    assert sigma[2] == pytest.approx((0.06 * 545) ** 0.5, rel=1e-5)
    assert sigma[1] == pytest.approx(0.586, abs=1e-3)  # where Restoration starts


def test_noise_levels_descend_with_equal_ratios() -> None:
    levels = VarianceExploding(0.06, 545.0).noise_levels(5, highest=1.6, lowest=0.1)
    torch.testing.assert_close(levels, torch.tensor([1.6, 0.8, 0.4, 0.2, 0.1]))


def test_added_noise_has_the_level_of_each_image() -> None:
    image = torch.zeros(2, 1, 24, 24, 24)
    noisy, noise = add_noise(image, torch.tensor([0.5, 2.0]), torch.Generator().manual_seed(0))
    assert noisy[0].std().item() == pytest.approx(0.5, rel=0.03)
    assert noisy[1].std().item() == pytest.approx(2.0, rel=0.03)
    torch.testing.assert_close(noisy[1], 2 * noise[1])
