from typing import Any

import pytest
import torch
from torch import Tensor

from bench.contributing.contract import tiny_dataset
from datasets.case import Case
from methods.diffusion.sde import VarianceExploding


class GaussianModel:
    """A score model that knows the healthy distribution: every voxel is normal around its healthy value."""

    multiple_of = 1
    device = "cpu"

    def __init__(self, healthy: Tensor, variance: float = 0.02**2) -> None:
        self.healthy = healthy
        self.variance = variance
        self.process = VarianceExploding(0.02, 3.0)
        self.network_evaluations = 0

    def noise_direction(self, image: Tensor, sigma: Tensor) -> Tensor:
        self.network_evaluations += len(image)
        sigma = sigma.view(-1, 1, 1, 1, 1)
        return sigma * (self.healthy - image) / (self.variance + sigma**2)


@pytest.fixture
def case() -> Case:
    return tiny_dataset().test[0].without_lesion_mask()


@pytest.fixture
def with_lesion() -> Case:
    return tiny_dataset().test[0]


@pytest.fixture
def gaussian_model() -> Any:
    """A model of brains that have the value 0 inside, on the box of the case's brain."""
    from methods.parts.images import brain_box

    case = tiny_dataset().test[0]
    brain_mask = torch.from_numpy(case.brain_mask[brain_box(case, 1)])
    return GaussianModel(torch.where(brain_mask, 0.0, -1.0).expand(2, *brain_mask.shape))
