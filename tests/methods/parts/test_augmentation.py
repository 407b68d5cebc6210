"""The authors' augmentation: how many draws change an image, by how much, and what never changes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from methods.parts.augmentation import augment


def blob(edge: int = 32, margin: int = 4) -> Tensor:
    """A prepared image of two smooth channels inside a cube of brain: (1, 2, X, Y, Z), background -1."""
    x, y, z = torch.meshgrid(*[torch.linspace(0, 6, edge)] * 3, indexing="ij")
    image = torch.stack([torch.sin(x) * torch.cos(y), torch.cos(z + x)])[None].clamp(-0.99)
    brain = torch.zeros(edge, edge, edge, dtype=torch.bool)
    brain[(slice(margin, edge - margin),) * 3] = True
    image /= image[..., brain].amax(dim=2)[..., None, None, None]
    return torch.where(brain, image, -1.0)


def changes(image: Tensor, draws: int, seed: int = 0) -> np.ndarray:
    """Mean change inside the brain of each draw."""
    generator = torch.Generator().manual_seed(seed)
    brain = image > -1
    found = [float((augment(image, generator) - image).abs()[brain].mean()) for _ in range(draws)]
    return np.array(found)


def test_few_draws_change_the_image_and_most_of_them_little() -> None:
    """Seven transforms of probability 0.1: 48 % of draws are untouched, another 11 % only shifted or scaled."""
    found = changes(blob(), 400)
    untouched, no_trace = 0.9**7, 0.9**5
    assert (found == 0).mean() == pytest.approx(untouched, abs=0.08)  # three standard errors
    assert (found < 1e-5).mean() == pytest.approx(no_trace, abs=0.08)
    assert np.median(found) < 1e-5
    assert 0.1 < (found > 0.02).mean() < 0.3
    assert 0.02 < found.mean() < 0.1


@pytest.mark.slow
def test_on_a_phantom_brain_it_is_as_strong_as_in_the_authors_code(tmp_path: Path) -> None:
    """Measured with the authors' transforms on a phantom image: mean 0.05, median 0.00, 18 % of draws above 0.02."""
    from datasets import phantom
    from datasets.load import load_dataset

    case = load_dataset(phantom.Settings(), tmp_path).train[0]
    found = changes(torch.from_numpy(case.image)[None], 400)
    assert found.mean() == pytest.approx(0.05, abs=0.015)
    assert np.median(found) < 0.001
    assert (found > 0.02).mean() == pytest.approx(0.18, abs=0.07)


def test_background_stays_and_values_keep_their_range() -> None:
    image = blob()
    generator = torch.Generator().manual_seed(1)
    for _ in range(60):
        found = augment(image, generator)
        assert found.shape == image.shape
        assert found.dtype == torch.float32
        assert found.min() == -1
        assert found.max() <= 1
        assert (found[0, :, 0, 0, 0] == -1).all()  # the corners
    before = image.clone()
    augment(image, generator)
    assert torch.equal(image, before)


def test_a_crop_without_background_keeps_its_scale() -> None:
    """Its darkest voxel is no background: percentiles go back to where they were, not to -1 and 1."""
    crop = blob()[..., 10:22, 10:22, 10:22] * 0.2
    generator = torch.Generator().manual_seed(2)
    for _ in range(60):
        found = augment(crop, generator)
        assert float(found.max()) == pytest.approx(float(crop.max()), abs=0.05)
        assert float(found.min()) == pytest.approx(float(crop.min()), abs=0.05)


def test_same_seed_same_draws() -> None:
    image = blob().repeat(4, 1, 1, 1, 1)
    first, again, other = (augment(image, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.filterwarnings("ignore:The image's intensity is a single value")
def test_an_image_of_one_value_stays_as_it_is() -> None:
    image = torch.full((1, 1, 8, 8, 8), -1.0)
    generator = torch.Generator().manual_seed(5)
    for _ in range(30):
        assert torch.equal(augment(image, generator), image)
