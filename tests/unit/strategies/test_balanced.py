"""Rounds that are spread over slices."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.strategies.balanced import Balanced, _in_turn, quotas
from activessl.strategies.base import Query, State
from activessl.strategies.registry import get_strategy


def query(rows: list[int], parts: dict[str, list[float]] | None = None) -> Query:
    n = len(rows)
    told = {name: np.array(values) for name, values in (parts or {}).items()}
    return Query(np.array(rows), tuple(map(str, rows)), np.ones(n), ("why",) * n, np.full(n, 0.5), "s", parts=told)


def test_slices_of_equal_size_get_equal_numbers_and_the_one_with_fewest_labels_more() -> None:
    items, free = np.full(3, 100), np.full(3, 50)
    assert quotas(items, np.zeros(3, int), free, 9).tolist() == [3, 3, 3]
    assert quotas(items, np.array([0, 2, 4]), free, 6).tolist() == [4, 2, 0]
    assert quotas(items, np.zeros(3, int), free, 1).tolist() == [1, 0, 0]
    assert quotas(np.array([400, 100]), np.zeros(2, int), np.array([400, 100]), 30).tolist() == [20, 10]


def test_no_slice_gets_more_than_is_left_in_it() -> None:
    items = np.array([100, 100, 0])
    assert quotas(items, np.zeros(3, int), np.array([1, 20, 0]), 21).tolist() == [1, 20, 0]
    assert quotas(items, np.array([0, 90, 0]), np.array([0, 10, 0]), 4).tolist() == [0, 4, 0]


def test_slices_come_in_turn_with_falling_scores_and_no_chance() -> None:
    parts = [(query([1, 2, 3, 4], {"gain": [9, 8, 7, 6]}), "; a"), (query([8, 9], {"gain": [5, 4]}), "; b")]
    place = np.concatenate([(np.arange(4) + 0.5) / 4, (np.arange(2) + 0.5) / 2])
    found = _in_turn(parts, place)
    assert found.indices.tolist() == [1, 8, 2, 3, 9, 4]
    assert found.scores == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert np.isnan(found.propensities).all()
    by_row = dict(zip(found.indices.tolist(), found.reasons, strict=True))
    assert by_row[1] == "why; a" and by_row[9] == "why; b"
    assert dict(zip(found.indices.tolist(), found.parts["gain"].tolist(), strict=True))[8] == 5


def test_labeled_pending_and_excluded_items_count_as_they_should() -> None:
    rng = np.random.default_rng(0)
    of = np.arange(60) % 2
    state = State(
        rng.normal(size=(60, 3)), np.array([0, 2, 4]), np.array([0, 1, 0]), 2, rng,
        excluded=np.isin(np.arange(60), [1, 3, 5]), pending=np.array([7, 9]),
    )  # fmt: skip
    found = Balanced(get_strategy("random"), "site", of, ("x", "y")).query(state, 9)
    rows = found.indices.tolist()
    assert not {0, 2, 4, 1, 3, 5, 7, 9} & set(rows) and len(set(rows)) == 9
    assert np.bincount(of[rows]).tolist() == [4, 5]  # 3 and 2 are labeled or asked about
    assert any(reason.endswith("; site x: 3 of 30 items labeled or asked about") for reason in found.reasons)
    assert any(reason.endswith("; site y: 2 of 30 items labeled or asked about") for reason in found.reasons)


def test_a_slice_that_gets_nothing_is_not_asked() -> None:
    rng = np.random.default_rng(0)
    of = (np.arange(40) >= 38).astype(int)
    state = State(rng.normal(size=(40, 3)), np.array([38, 39]), np.array([0, 1]), 2, rng)
    found = Balanced(get_strategy("random"), "site", of, ("x", "y")).query(state, 5)
    assert (of[found.indices] == 0).all()


def test_the_smaller_part_of_a_round_is_spread_over_it() -> None:
    of = (np.arange(200) >= 160).astype(int)
    state = State(np.random.default_rng(0).normal(size=(200, 3)), np.array([], int), np.array([], int), 2,
                  np.random.default_rng(0))  # fmt: skip
    found = Balanced(get_strategy("random"), "site", of, ("x", "y")).query(state, 6)
    assert of[found.indices].tolist() == [0, 1, 0, 0, 1, 0]
