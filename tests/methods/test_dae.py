"""DAE beyond the contract: its map is what the denoiser takes off, and a denoiser takes off what it was trained on."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from bench.contributing.contract import fitted_on_tiny_dataset, tiny_dataset
from datasets.case import Case
from methods.dae import DAE, DAEConfig, denoising_difference
from methods.parts.denoiser import Denoiser, DenoiserConfig, brain_of, coarse_noise


class HalvesBrains:
    """Takes half of every brain's intensity for noise."""

    multiple_of = 16

    def padded(self, images: Tensor) -> Tensor:
        return torch.nn.functional.pad(images, (0, 16) * 3, value=-1.0)

    def denoised(self, images: Tensor) -> Tensor:
        return torch.where(brain_of(images), images / 2, images)


@pytest.mark.parametrize("median_voxels", [1, 3])
def test_the_map_is_what_the_denoiser_takes_off(case: Case, median_voxels: int) -> None:
    model: Any = HalvesBrains()
    found = denoising_difference(DAEConfig(median_voxels=median_voxels), model, 0, case)
    halves = np.abs(case.image / 2).sum(axis=0) * case.brain_mask
    expected = halves if median_voxels == 1 else ndimage.median_filter(halves, 3) * case.brain_mask
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_noise_is_coarse_and_of_unit_size_where_its_cells_meet() -> None:
    images = torch.zeros(4, 2, 32, 32, 32)
    noise = coarse_noise(images, 8, torch.Generator().manual_seed(0))
    assert noise.shape == images.shape
    assert (noise[..., 1:] - noise[..., :-1]).abs().mean() < 0.2 * noise.std()
    voxels = coarse_noise(images, 1, torch.Generator().manual_seed(0))
    assert float(voxels.std()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(noise[0], noise[1])


def test_noise_is_put_into_brains_alone_and_is_taken_off() -> None:
    tiny = DenoiserConfig(
        widths=(8, 8, 8, 8, 8), noise_sd=1.0, iterations=60, batch_size=2, crop_size=16, learning_rate=1e-2
    )
    detector, dataset = fitted_on_tiny_dataset(DAE, DAEConfig(denoiser=tiny), tiny_dataset(("T1w",)))
    assert isinstance(detector, DAE)
    denoiser: Denoiser = detector.maps.model
    images = torch.from_numpy(np.stack([case.image for case in dataset.validation]))
    noisy, clean = denoiser.with_noise(images, torch.Generator().manual_seed(1))
    outside = ~brain_of(clean)
    assert torch.equal(noisy[outside], clean[outside])
    unchanged: Any = SimpleNamespace(denoised=lambda images: images, device="cpu")
    left = float(denoiser.squared_error((noisy, clean)) / Denoiser.squared_error(unchanged, (noisy, clean)))
    assert left < 0.6, left
