from typing import Any

import pytest
from pydantic import ValidationError

from methods.msma.config import PatchDensityConfig


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
