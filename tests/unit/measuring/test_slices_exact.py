"""Slices: areas, strata and p-values against counting by hand."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from activessl.measuring.quality.slices import (
    _hypergeometric,
    _p_values,
    _ranks,
    read_off,
    strata_of_rounds,
    thinly_labeled,
)


def test_vectors_that_are_all_alike_tell_no_slice_from_another() -> None:
    of = np.repeat([0, 1], 20)
    assert read_off(np.zeros((40, 3)), of, np.arange(40) % 5).tolist() == [0.5, 0.5]


def test_the_area_is_1_where_a_slice_lies_apart_and_the_two_of_a_pair_are_equal() -> None:
    of = np.arange(40) % 2
    apart = np.where(of == 1, 1.0, -1.0)[:, None] * np.linspace(1, 2, 40)[:, None]
    assert read_off(apart, of, np.arange(40) // 8).tolist() == [1.0, 1.0]
    x = np.random.default_rng(0).normal(size=(60, 4))
    one, other = read_off(x, np.arange(60) % 2, np.arange(60) // 12)
    assert one == pytest.approx(other)


def test_a_slice_without_eight_items_or_without_eight_others_has_no_area() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    few = (np.arange(30) >= 23).astype(int)  # 23 and 7
    assert np.isnan(read_off(x, few, np.arange(30) % 3)).all()
    enough = (np.arange(30) >= 22).astype(int)
    assert np.isfinite(read_off(x, enough, np.arange(30) % 3)).all()
    assert np.isnan(read_off(x, enough, np.arange(30) % 3, 4)[2:]).all()


def test_the_hypergeometric_chances_are_those_of_counting() -> None:
    for m, marked, drawn in ((10, 4, 3), (10, 4, 8), (5, 5, 2), (6, 0, 3), (7, 3, 7)):
        exact = [
            comb(marked, k) * comb(m - marked, drawn - k) / comb(m, drawn) if 0 <= drawn - k <= m - marked else 0.0
            for k in range(marked + 1)
        ]
        assert _hypergeometric(m, marked, drawn) == pytest.approx(exact, abs=1e-12)


def test_a_p_value_takes_half_of_the_chance_of_what_was_seen() -> None:
    wrong, inside = np.arange(6) < 3, np.isin(np.arange(6), [0, 1, 4])
    exact = np.array([1, 9, 9, 1]) / 20  # 3 of 6 are drawn, 3 are wrong
    expected = [exact[k:].sum() - exact[k] / 2 for k in range(4)]
    assert _p_values(wrong, inside, np.zeros(6, dtype=int)) == pytest.approx(expected)


def test_strata_that_are_too_small_at_the_end_belong_to_the_one_before() -> None:
    assert strata_of_rounds(np.array([1, 1, 2, 2, 3]), 2).tolist() == [0, 0, 1, 1, 1]
    assert strata_of_rounds(np.array([5, 3, 3, 5, 5]), 2).tolist() == [1, 0, 0, 1, 1]
    assert strata_of_rounds(np.array([1, 2, 3]), 4).tolist() == [0, 0, 0]


def test_thinly_labeled_is_less_than_half_of_the_share_and_beyond_chance() -> None:
    items = np.array([500, 500])
    assert thinly_labeled(np.array([76, 24]), items).tolist() == [False, True]  # less than half of 50
    assert thinly_labeled(np.array([75, 25]), items).tolist() == [False, False]
    assert thinly_labeled(np.array([4, 1]), items).tolist() == [False, False]  # chance: P(at most 1 of 5) = 0.19


def test_equal_values_share_their_ranks() -> None:
    assert _ranks(np.array([3.0, 1, 3, 2, 3, 1])).tolist() == [5, 1.5, 5, 3, 5, 1.5]
