"""ANDi beyond the contract: with a known distribution its maps are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from datasets.case import Case
from methods.andi import ANDi, ANDiConfig, HealthyDeviation
from methods.diffusion.tiny import tiny_score_model
from methods.parts.healthy import RelativeMaps


def andi(model: Any, seed: int = 0, **settings: Any) -> ANDi:
    detector = ANDi(ANDiConfig(**({"score_model": {"sigma_min": 0.02, "sigma_max": 3.0}} | settings)))
    context: Any = SimpleNamespace(seed=seed)
    detector.maps = RelativeMaps(HealthyDeviation, detector.config, model, context)
    return detector


def test_the_map_is_the_distance_to_the_healthy_image_in_units_of_the_noise(gaussian_model: Any, case: Case) -> None:
    """Healthy values are 0 with little variance, so one step leads all the way: by |x| / sigma at each level."""
    found = andi(gaussian_model, noise_levels=3, lowest_sigma=0.25, highest_sigma=1.0).score(case)
    expected = np.linalg.norm(case.image, axis=0) / 0.5  # the geometric mean of .25, .5 and 1
    large = case.brain_mask & (expected > 0.3)
    np.testing.assert_allclose(found[large], expected[large], rtol=0.35)
    assert (found / expected)[large].mean() == pytest.approx(1, abs=0.03)
    assert not found[~case.brain_mask].any()


def test_every_level_counts_and_costs_one_evaluation_a_draw(gaussian_model: Any, case: Case) -> None:
    andi(gaussian_model, noise_levels=3, draws=2).score(case)
    assert gaussian_model.network_evaluations == 6
    low = andi(gaussian_model, noise_levels=2, lowest_sigma=0.1, highest_sigma=0.2).score(case)
    high = andi(gaussian_model, noise_levels=2, lowest_sigma=0.4, highest_sigma=0.8).score(case)
    assert low[case.brain_mask].mean() > 3 * high[case.brain_mask].mean()


def test_a_map_depends_on_seed_and_case_only(gaussian_model: Any, case: Case) -> None:
    gaussian_model.variance = 0.1  # of the noise, something stays
    first = andi(gaussian_model, noise_levels=2).score(case)
    assert np.array_equal(first, andi(gaussian_model, noise_levels=2).score(case))
    assert not np.array_equal(first, andi(gaussian_model, noise_levels=2, seed=1).score(case))


def test_levels_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"highest_sigma must lie between .* sigma_max 1\.0"):
        ANDiConfig(score_model=tiny_score_model(), highest_sigma=2.0)
    with pytest.raises(ValidationError, match="must not be smaller than lowest_sigma"):
        ANDiConfig(lowest_sigma=0.5, highest_sigma=0.3)
