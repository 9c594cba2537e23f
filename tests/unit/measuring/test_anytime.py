"""Bounds and tests of a share that is looked at again and again."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.integrate import quad

from activessl.errors import MeasureError
from activessl.measuring.anytime import (
    evidence_above,
    evidence_below,
    lower_bound,
    observations_needed,
    part_of_delta,
    upper_bound,
)


def test_the_evidence_is_the_likelihood_ratio_of_a_uniform_mixture_above_the_bound() -> None:
    count, n, bound = 37, 40, 0.8
    mixture, _ = quad(lambda share: share**count * (1 - share) ** (n - count) / (1 - bound), bound, 1)
    assert evidence_above(count, n, bound) == pytest.approx(log(mixture / (bound**count * (1 - bound) ** (n - count))))


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_a_target_that_equals_the_share_is_seldom_said_to_be_reached_over_all_looks(share: float) -> None:
    rng = np.random.default_rng(1)
    lucky = unlucky = 0
    for _ in range(600):
        right = np.cumsum(rng.random(1_000) < share)
        looks = [(int(right[n - 1]), n) for n in range(10, 1_001, 30)]
        lucky += any(evidence_above(count, n, share) >= log(20) for count, n in looks)
        unlucky += any(evidence_below(count, n, share) >= log(20) for count, n in looks)
    assert lucky / 600 <= 0.05
    assert unlucky / 600 <= 0.05


def test_a_share_that_is_well_above_the_target_is_said_to_reach_it() -> None:
    rng = np.random.default_rng(2)
    found = [evidence_above(rng.binomial(200, 0.95), 200, 0.85) >= log(20) for _ in range(200)]
    assert np.mean(found) > 0.9


def test_bounds_are_where_the_evidence_suffices_and_hold_the_observed_share() -> None:
    for count, n in ((0, 5), (5, 5), (19, 20), (190, 200), (3.7, 4.2)):
        low, high = lower_bound(count, n, 0.05), upper_bound(count, n, 0.05)
        assert 0 <= low <= count / n <= high <= 1
        if low > 0:
            assert evidence_above(count, n, low) == pytest.approx(log(20), abs=1e-6)
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0.0, 1.0)


def test_the_observations_that_are_needed_are_enough_and_one_less_are_not() -> None:
    needed = observations_needed(0.9, 0.8, 0.05)
    assert needed is not None
    assert evidence_above(0.9 * needed, needed, 0.8) >= log(20) > evidence_above(0.9 * (needed - 1), needed - 1, 0.8)
    below = observations_needed(0.7, 0.8, 0.05)
    assert below is not None
    assert evidence_below(0.7 * below, below, 0.8) >= log(20)
    assert observations_needed(0.8, 0.8, 0.05) is None


def test_attempts_share_what_may_go_wrong() -> None:
    assert sum(part_of_delta(0.1, attempt) for attempt in range(1, 10_000)) < 0.1


@pytest.mark.parametrize(("count", "n", "bound"), [(3, 2, 0.5), (-1, 2, 0.5), (1, 2, 1.0), (1, 2, -0.1)])
def test_figures_outside_their_ranges_are_refused(count: float, n: float, bound: float) -> None:
    with pytest.raises(MeasureError) as caught:
        evidence_above(count, n, bound)
    assert caught.value.hint
