"""Intervals, against SciPy's where it has the same one, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from activessl.measuring.intervals import (
    deviations,
    difference,
    look_of,
    lowest_share,
    paired_difference,
    part_of_delta,
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


def test_a_target_that_is_looked_at_again_and_again_is_rarely_reached_by_luck() -> None:
    """The truth lies just below the target: how often any look claims to have reached it."""
    rng, lucky = np.random.default_rng(2), 0
    for _ in range(400):
        right = rng.random(1_000) < 0.899
        looks = {look_of(n, 10): n for n in range(10, 1_001)}
        lucky += any(lowest_share(int(right[:n].sum()), n, look) >= 0.9 for look, n in looks.items())
    assert lucky / 400 <= 0.1
    assert sum(part_of_delta(0.1, look) for look in range(1, 10_000)) < 0.1
