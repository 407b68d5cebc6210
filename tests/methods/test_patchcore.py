"""PatchCore beyond the contract: what is in memory is near, what is not is far."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from datasets.case import Case
from methods.diffusion.score_model import ScoreModel, build_network
from methods.diffusion.tiny import tiny_score_model
from methods.parts.memory_bank import MemoryBank, MemoryBankConfig, coreset, encoded, encoder_maps
from methods.patchcore import PatchCoreConfig, distance_map


@pytest.fixture
def model() -> ScoreModel:
    config = tiny_score_model()
    return ScoreModel(config, build_network(config, 2, torch.Generator().manual_seed(0)), "cpu")


@pytest.fixture
def bank_of(model: ScoreModel) -> Callable[[Case], MemoryBank]:
    """Remembers every patch of a case."""

    def remembered(case: Case) -> MemoryBank:
        config = MemoryBankConfig(levels=(0, 1), neighbourhood=1)
        features, inside, _ = encoded(config, model, case)
        patches = features[:, inside].T
        mean, sd = patches.mean(dim=0), patches.std(dim=0)
        return MemoryBank(config, model, (patches - mean) / sd, mean, sd)

    return remembered


def test_patches_in_memory_are_near_and_others_far(bank_of: Callable[[Case], MemoryBank], case: Case) -> None:
    memory = bank_of(case)
    known = distance_map(PatchCoreConfig(), memory, 0, case)
    assert known[case.brain_mask].max() < 0.05  # rounding of squares
    odd = case.image.copy()
    odd[:, 14:18, 14:18, 14:18] = 1.0
    odd[:, 15:17, 15:17, 15:17] = -0.9
    found = distance_map(
        PatchCoreConfig(), memory, 0, Case(case.id, odd, case.brain_mask, None, case.affine, case.channels)
    )
    far = np.argwhere(found > 0.5 * found.max())
    assert (far >= 10).all() and (far <= 21).all()
    assert found.max() > 1
    assert not found[~case.brain_mask].any()


def test_a_coreset_is_spread_out() -> None:
    bulk = 0.01 * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    corners = torch.tensor([[9.0, 0, 0], [0, 9, 0], [0, 0, 9], [-9, 0, 0]])
    chosen = coreset(torch.cat([bulk, corners]), 5, 64, torch.Generator().manual_seed(0))
    assert len(set(chosen.tolist())) == 5
    assert {200, 201, 202, 203} < set(chosen.tolist())
    assert coreset(bulk, 1000, 64, torch.Generator()).tolist() == list(range(200))


def test_features_are_those_of_the_encoder(model: ScoreModel) -> None:
    image = torch.randn(2, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    fine, coarse = encoder_maps(model, image, 0.2, (0, 1))
    assert (fine.shape, coarse.shape) == ((4, 16, 16, 16), (8, 8, 8, 8))
    assert model.network_evaluations == 1
    blocks: Any = model.network.down
    assert not any(module._forward_hooks for module in blocks.modules())


def test_levels_the_encoder_has_not_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"memory\.levels are those of the encoder: 0 to 1"):
        PatchCoreConfig(score_model=tiny_score_model(), memory=MemoryBankConfig(levels=(0, 2)))
