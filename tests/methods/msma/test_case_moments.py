"""An image's own moments, layer by layer."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from datasets.case import Case
from methods.msma.case_moments import CaseMoments, depth_layers, middle_and_spread
from methods.msma.config import PatchDensityConfig

MASK = np.zeros((22, 20, 18), dtype=bool)
MASK[1:21, 1:19, 1:17] = True


def case(mask: np.ndarray = MASK, spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Case:
    affine = np.diag([*spacing_mm, 1.0])
    return Case("sub-1", np.zeros((1, *mask.shape), np.float32), mask, None, affine, ("T1w",))


def test_layers_are_depths_in_mm() -> None:
    layers = np.full(MASK.shape, -1)
    layers[MASK] = depth_layers(MASK, (2.0, 2.0, 2.0)).numpy()
    # along the middle of the first axis: 2, 4, 6, 8, 10, 12 ... mm deep
    assert layers[1:8, 10, 9].tolist() == [0, 1, 2, 3, 3, 4, 4]
    layers[MASK] = depth_layers(MASK, (4.0, 4.0, 4.0)).numpy()
    assert layers[1:5, 10, 9].tolist() == [1, 3, 4, 4]


def test_a_brain_that_touches_the_edge_of_the_volume_ends_there() -> None:
    assert depth_layers(np.ones((3, 3, 3), bool), (2.0, 2.0, 2.0)).tolist().count(0) == 26


def test_middle_and_spread_are_median_and_half_of_the_central_68_percent() -> None:
    values = torch.arange(101.0)[:, None]
    middle, spread = middle_and_spread(values)
    assert (middle.item(), spread.item()) == (50.0, pytest.approx(34.0))


def test_what_changes_a_layer_alike_changes_nothing() -> None:
    features = torch.randn(int(MASK.sum()), 3, generator=torch.Generator().manual_seed(0))
    before = CaseMoments.of(case(), features).standardise(features)
    factor, offset = 1 + depth_layers(MASK, case().spacing_mm)[:, None], torch.tensor([1.0, -2.0, 30.0])
    changed = factor * features + offset
    assert torch.allclose(CaseMoments.of(case(), changed).standardise(changed), before, atol=1e-4)


def test_a_lesion_stays_what_it_was() -> None:
    features = torch.randn(int(MASK.sum()), 1, generator=torch.Generator().manual_seed(0))
    lesion = torch.arange(len(features)) % 50 == 0
    features[lesion] += 5
    found = CaseMoments.of(case(), features).standardise(features)
    assert found[lesion].mean() == pytest.approx(5, abs=0.4)
    assert found[~lesion].mean() == pytest.approx(0, abs=0.05)


def test_a_layer_of_few_voxels_takes_the_moments_of_the_whole_brain() -> None:
    small = np.zeros((8, 8, 8), bool)
    small[2:6, 2:6, 2:6] = True  # 56 voxels at the surface, 8 below
    features = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    moments = CaseMoments.of(case(small), features)
    middle, spread = middle_and_spread(features)
    assert torch.equal(moments.middle, middle.expand(6, 2))
    assert torch.equal(moments.spread, spread.expand(6, 2))


def test_some_voxels_are_standardised_as_among_all() -> None:
    features = torch.randn(int(MASK.sum()), 3, generator=torch.Generator().manual_seed(0))
    moments = CaseMoments.of(case(), features)
    some = torch.tensor([5, 17, 2000])
    assert torch.equal(moments.standardise(features[some], some), moments.standardise(features)[some])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"norms": "log", "reading": "standardised"}, "it takes norms: standardised"),
        ({"norms": "standardised"}, "set reading: standardised"),
    ],
)
def test_settings_that_do_not_go_with_them_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PatchDensityConfig.model_validate({"case_moments": True} | settings)
