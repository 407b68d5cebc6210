"""How sure a table is: bootstrap intervals over cases, paired tests, ranks and their aggregation.

Everything takes plain arrays with cases in the same order, and one seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

RESAMPLES = 2000
DECIMALS = 9  # values that agree to this many decimals are ties


@dataclass(frozen=True)
class Interval:
    """A range, both ends included."""

    low: float
    high: float


def mean_and_standard_error(values: Array) -> tuple[float | None, float | None]:
    """Mean, and sample standard deviation / sqrt(n); None where too few values define it."""
    if len(values) == 0:
        return None, None
    mean = float(np.mean(values))
    return mean, float(stats.sem(values)) if len(values) > 1 else None


def bootstrap_interval(values: Array, seed: int = 0, level: float = 0.95) -> Interval | None:
    """Percentile bootstrap confidence interval of the mean over cases; None below two values."""
    if len(values) < 2:
        return None
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def wilcoxon_p_value(a: Array, b: Array) -> float | None:
    """Two-sided paired Wilcoxon signed-rank test; 1 when no pair differs, None without pairs."""
    if len(a) == 0:
        return None
    difference = np.round(a - b, DECIMALS)
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p-values adjusted for having made `len(p_values)` tests (Holm 1979)."""
    order = np.argsort(p_values)
    remaining_tests = len(p_values) - np.arange(len(p_values))
    adjusted = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * remaining_tests)
    result = np.empty(len(p_values))
    result[order] = np.minimum(adjusted, 1.0)
    return [float(p) for p in result]


def ranks(means: Array, lower_is_better: Sequence[bool]) -> Array:
    """Ranks per metric, 1 = best, ties sharing the mean of their ranks.

    means: (..., methods, metrics); the result has the same shape.
    """
    sign = np.where(np.asarray(lower_is_better), 1.0, -1.0)
    return np.asarray(stats.rankdata(np.round(means * sign, DECIMALS), method="average", axis=-2), dtype=float)


def borda_points(means: Array, lower_is_better: Sequence[bool]) -> Array:
    """Borda count: how many methods each one beats, a tie being half, averaged over metrics.

    means: (..., methods, metrics) -> (..., methods), between 0 and methods - 1.
    """
    return np.asarray(np.mean(means.shape[-2] - ranks(means, lower_is_better), axis=-1), dtype=float)


def borda_ranks(means: Array, lower_is_better: Sequence[bool]) -> npt.NDArray[np.int64]:
    """Places by Borda count, 1 = best; tied methods share the better place: (..., methods)."""
    points = np.round(borda_points(means, lower_is_better), DECIMALS)
    return np.asarray(stats.rankdata(-points, method="min", axis=-1)).astype(np.int64)


def borda_rank_draws(values: Array, lower_is_better: Sequence[bool], seed: int = 0) -> npt.NDArray[np.int64]:
    """The places that each method takes when the cases are drawn again with replacement: (draws, methods).

    values: (methods, metrics, cases), nan where a metric is undefined for a case; cases are drawn for all
    methods together. A draw in which some metric is undefined for every case is left out.
    """
    cases = values.shape[2]
    counts = np.random.default_rng(seed).multinomial(cases, np.full(cases, 1 / cases), size=RESAMPLES).astype(float)
    defined = np.isfinite(values)
    totals = np.einsum("dc,mkc->dmk", counts, np.where(defined, values, 0.0))
    weights = np.einsum("dc,mkc->dmk", counts, defined.astype(float))
    usable = (weights > 0).all(axis=(1, 2))
    return borda_ranks(totals[usable] / weights[usable], lower_is_better)


def borda_rank_intervals(
    values: Array, lower_is_better: Sequence[bool], seed: int = 0, level: float = 0.95
) -> list[Interval]:
    """The interval of each method's places over the draws of `borda_rank_draws`; all places without a usable draw."""
    places = borda_rank_draws(values, lower_is_better, seed)
    if not len(places):
        return [Interval(1, len(values))] * len(values)
    tail = (1 - level) / 2
    low = np.quantile(places, tail, axis=0, method="closest_observation")
    high = np.quantile(places, 1 - tail, axis=0, method="closest_observation")
    return [Interval(float(a), float(b)) for a, b in zip(low, high, strict=True)]
