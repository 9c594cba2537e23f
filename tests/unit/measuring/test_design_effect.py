"""Kish's design effect against the analysis of variance of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import f_oneway

from activessl.measuring.quality.groups import design_effect

#: The correlation that is assumed, and its weight in groups.
USUAL, WEIGHT = 0.5, 10


def expected(right: np.ndarray, groups: np.ndarray, mean_size: float) -> float:
    sizes = np.bincount(groups)
    g, m = len(sizes), len(groups)
    f = f_oneway(*(right[groups == one].astype(float) for one in range(g))).statistic
    n0 = (m - (sizes**2).sum() / m) / (g - 1)
    rho = (f - 1) / (f + n0 - 1)
    shrunk = (g * rho + WEIGHT * USUAL) / (g + WEIGHT)
    return 1 + (mean_size - 1) * min(max(shrunk, 0), 1)


@pytest.mark.parametrize("sizes", [[4, 4, 4, 4], [2, 3, 5, 6, 9], [1, 2, 8, 1]])
def test_the_effect_is_that_of_the_analysis_of_variance(sizes: list[int]) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    right = np.random.default_rng(4).random(len(groups)) < np.linspace(0.2, 0.9, len(sizes))[groups]
    mean_size = sum(n * n for n in sizes) / len(groups)
    assert design_effect(right, groups) == pytest.approx(expected(right, groups, mean_size))
    assert design_effect(right, 7 - groups) == pytest.approx(design_effect(right, groups))  # names do not matter


def test_weights_change_the_size_of_a_group_and_their_scale_does_not() -> None:
    groups, right = np.repeat([0, 1, 2], [2, 3, 4]), np.array([1, 0, 1, 1, 0, 0, 0, 1, 1], dtype=bool)
    w = np.array([1.0, 2, 1, 1, 3, 1, 1, 1, 2])
    mean_size = (3**2 + 5**2 + 5**2) / (w @ w)
    assert design_effect(right, groups, w) == pytest.approx(expected(right, groups, mean_size))
    assert design_effect(right, groups, 7 * w) == pytest.approx(design_effect(right, groups, w))


def test_equal_outcomes_and_one_group_have_the_usual_correlation() -> None:
    assert design_effect(np.ones(12, bool), np.arange(12) // 3) == pytest.approx(1 + 2 * USUAL)
    assert design_effect(np.arange(6) < 3, np.zeros(6, int)) == pytest.approx(1 + 5 * USUAL)


def test_groups_of_one_item_cost_nothing_and_no_effect_is_below_1() -> None:
    assert design_effect(np.arange(5) < 2, np.array([4, 2, 9, 1, 7])) == 1.0
    alternate, pairs = np.arange(200) % 2 > 0, np.arange(200) // 2  # as unlike as can be within a pair
    assert design_effect(alternate, pairs) == 1.0
