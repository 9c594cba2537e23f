"""Intervals, against SciPy's where it has the same one, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, t

from activessl.measuring.intervals import (
    deviations,
    difference,
    mean_interval,
    paired_difference,
    share_interval,
    wilson,
)


@given(st.integers(1, 400), st.data(), st.sampled_from([0.8, 0.9, 0.99]))
def test_intervals_of_a_share_are_those_of_scipy(n: int, data: st.DataObject, level: float) -> None:
    count = data.draw(st.integers(0, n))
    exact = binomtest(count, n).proportion_ci(level, method="exact")
    assert share_interval(count, n, level) == pytest.approx((exact.low, exact.high), abs=1e-9)
    score = binomtest(count, n).proportion_ci(level, method="wilson")
    assert wilson(count / n, n, deviations(level)) == pytest.approx((score.low, score.high), abs=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_a_share_lies_within_its_interval_as_often_as_promised(share: float) -> None:
    within = [low <= share <= high for low, high in (share_interval(count, 60) for count in range(61))]
    assert binom.pmf(np.arange(61), 60, share)[within].sum() >= 0.9


def test_differences_lie_within_their_intervals_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    hits, paired = [], []
    for _ in range(1_000):
        p, q = rng.binomial(80, 0.85) / 80, rng.binomial(40, 0.7) / 40
        low, high = difference(p, 80, q, 40)
        hits.append(low <= 0.15 <= high)
        one, two = rng.random(120) < 0.7, rng.random(120) < 0.8
        low, high = paired_difference(int(np.sum(two & ~one)), int(np.sum(one & ~two)), 120)
        paired.append(low <= 0.1 <= high)
    assert np.mean(hits) > 0.88
    assert np.mean(paired) > 0.88


@pytest.mark.parametrize("n", range(1, 972, 7))
def test_an_end_is_exact_where_all_or_none_count(n: int) -> None:
    z = deviations(0.9)
    assert wilson(1.0, n, z)[1] == share_interval(n, n)[1] == 1.0
    assert wilson(0.0, n, z)[0] == share_interval(0, n)[0] == 0.0


def test_without_observations_nothing_is_known() -> None:
    assert wilson(0.0, 0, deviations(0.9)) == share_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_the_interval_of_a_mean_is_that_of_scipy(level: float) -> None:
    seeds = 0.5 + 0.02 * np.random.default_rng(0).normal(size=(7, 3))
    spread = seeds.std(axis=0, ddof=1) / np.sqrt(7)
    assert np.array(mean_interval(seeds, level)) == pytest.approx(
        np.array(t.interval(level, 6, loc=seeds.mean(axis=0), scale=spread)), rel=1e-9
    )


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_differences_lie_outside_of_their_intervals_as_often_as_the_level_says(level: float) -> None:
    n, m, p, q = 90, 60, 0.7, 0.5
    ends = [[difference(i / n, n, j / m, m, level) for j in range(m + 1)] for i in range(n + 1)]
    within = np.array([[low <= p - q <= high for low, high in row] for row in ends])
    chance = np.outer(binom.pmf(np.arange(n + 1), n, p), binom.pmf(np.arange(m + 1), m, q))
    assert chance[within].sum() == pytest.approx(level, abs=0.03)


def test_a_paired_interval_grows_with_its_level_as_the_normal_distribution_does() -> None:
    widths = {level: np.diff(paired_difference(30, 20, 400, level))[0] for level in (0.5, 0.8, 0.9)}
    for level, width in widths.items():
        assert width / widths[0.9] == pytest.approx(deviations(level) / deviations(0.9))
    assert sum(paired_difference(30, 20, 400)) / 2 == pytest.approx(10 / 402)
