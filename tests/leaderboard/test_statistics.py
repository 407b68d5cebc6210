"""Statistics against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.statistics import (
    bootstrap_interval,
    borda_points,
    borda_rank_intervals,
    borda_ranks,
    holm,
    mean_and_standard_error,
    ranks,
    wilcoxon_p_value,
)


def test_mean_and_standard_error_by_hand() -> None:
    # deviations -1, 0, 1: variance 2 / 2 = 1, standard error 1 / sqrt(3)
    assert mean_and_standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx((2.0, 1 / np.sqrt(3)))


def test_too_few_values_are_none_and_not_zero() -> None:
    assert mean_and_standard_error(np.array([])) == (None, None)
    assert mean_and_standard_error(np.array([4.0])) == (4.0, None)
    assert bootstrap_interval(np.array([4.0])) is None
    assert wilcoxon_p_value(np.array([]), np.array([])) is None


def test_bootstrap_interval_of_a_large_sample_is_near_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, size=400)
    interval = bootstrap_interval(values)
    assert interval is not None
    half_width = 1.96 * values.std(ddof=1) / 20
    assert interval.low == pytest.approx(values.mean() - half_width, abs=0.03)
    assert interval.high == pytest.approx(values.mean() + half_width, abs=0.03)


def test_bootstrap_is_seeded_and_a_constant_has_no_width() -> None:
    values = np.array([1.0, 5.0, 2.0, 8.0])
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    constant = bootstrap_interval(np.full(5, 2.0))
    assert constant is not None
    assert (constant.low, constant.high) == (2.0, 2.0)


def test_wilcoxon_by_hand() -> None:
    # six pairs, all in one direction: 2 of the 2^6 sign patterns are as extreme
    a = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert wilcoxon_p_value(a, np.zeros(6)) == pytest.approx(2 / 64)
    # signed ranks 1, -2, 3: of 8 patterns, rank sums of 2 or less (0, 1, 2) are 3, twice for two sides
    assert wilcoxon_p_value(np.array([1.0, -2.0, 3.0]), np.zeros(3)) == pytest.approx(6 / 8)


def test_wilcoxon_of_equal_values_is_one() -> None:
    a = np.array([0.1, 0.2, 0.3])
    assert wilcoxon_p_value(a, a + 1e-12) == 1.0


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1 -> 0.03, 0.06, 0.04, made monotone: 0.03, 0.06, 0.06
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p and a <= 1 for a, p in zip(adjusted, p_values, strict=True))
    in_order = [adjusted[i] for i in np.argsort(p_values)]
    assert in_order == sorted(in_order)


def test_ranks_respect_direction_and_ties_share_the_mean() -> None:
    # columns: a distance (lower is better), a rate (higher is better); the last two rates tie
    means = np.array([[7.0, 0.8], [9.0, 0.5], [8.0, 0.5]])
    assert ranks(means, [True, False]).tolist() == [[1, 1], [3, 2.5], [2, 2.5]]


def test_borda_by_hand() -> None:
    # first beats both in both metrics: 2 points; second (0 + 0.5) / 2; third (1 + 0.5) / 2
    means = np.array([[7.0, 0.8], [9.0, 0.5], [8.0, 0.5]])
    assert borda_points(means, [True, False]).tolist() == [2.0, 0.25, 0.75]
    assert borda_ranks(means, [True, False]).tolist() == [1, 3, 2]


def test_borda_ties_share_the_better_place() -> None:
    means = np.array([[1.0, 0.5], [2.0, 0.9], [3.0, 0.1]])
    assert borda_ranks(means, [True, False]).tolist() == [1, 1, 3]


def test_rank_intervals_are_tight_where_every_case_agrees_and_wide_where_none_does() -> None:
    # methods 0 and 1 swap from case to case; method 2 is last in every case
    values = np.array([[[0.9, 0.5] * 6], [[0.5, 0.9] * 6], [[0.1, 0.1] * 6]])
    first, second, third = borda_rank_intervals(values, [False])
    assert (first.low, first.high) == (1, 2)
    assert (second.low, second.high) == (1, 2)
    assert (third.low, third.high) == (3, 3)


def test_rank_intervals_leave_undefined_values_out() -> None:
    values = np.array([[[0.9, np.nan, 0.8]], [[0.1, np.nan, 0.2]]])
    assert [(i.low, i.high) for i in borda_rank_intervals(values, [False])] == [(1, 1), (2, 2)]
