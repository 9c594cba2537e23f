"""Strategies over items that consist of parts."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.strategies.parts.random_share import RandomItemShare
from activessl.strategies.parts.registry import PART_STRATEGIES, get_part_strategy
from activessl.strategies.parts.state import PartState, expected_seconds

NAMES = PART_STRATEGIES.names()


def state(seed: int = 0, n: int = 30, **more: object) -> PartState:
    """Items of 3 to 9 parts with random vectors and probabilities; two have an answer."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], rng.integers(3, 10, n).cumsum()])
    vectors = rng.normal(size=(offsets[-1], 5)).astype(np.float16)
    probs = rng.random((offsets[-1], 2))
    return PartState(vectors, offsets, np.array([3, 4]), np.random.default_rng(seed), probs=probs).replace(**more)


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_returns_distinct_free_items_the_best_first_and_the_same_again(name: str) -> None:
    excluded = np.zeros(30, dtype=bool)
    excluded[10] = True
    told = state(excluded=excluded, pending=np.array([7]))
    query = get_part_strategy(name).query(told, 8)
    assert len(set(query.indices.tolist())) == 8 and not {3, 4, 7, 10} & set(query.indices.tolist())
    assert np.all(np.diff(query.scores) <= 1e-12) and all(query.reasons)
    again = get_part_strategy(name).query(told.replace(rng=np.random.default_rng(0)), 8)
    assert again.indices.tolist() == query.indices.tolist()
    everything = get_part_strategy(name).query(state(excluded=excluded, pending=np.array([7])), 26)
    assert len(everything) == 26


@pytest.mark.parametrize("name", ["auto", "entropy", "margin"])
def test_the_order_of_the_pool_does_not_decide(name: str) -> None:
    told = state()
    order = np.random.default_rng(9).permutation(30)
    parts = [np.arange(told.offsets[row], told.offsets[row + 1]) for row in order]
    probs = told.probs
    assert probs is not None
    place = {int(row): at for at, row in enumerate(order)}
    shuffled = PartState(
        told.vectors[np.concatenate(parts)],
        np.concatenate([[0], np.cumsum([len(one) for one in parts])]),
        np.array([place[3], place[4]]),
        np.random.default_rng(0),
        probs=probs[np.concatenate(parts)],
    )
    found = get_part_strategy(name).query(told, 6).indices.tolist()
    assert order[get_part_strategy(name).query(shuffled, 6).indices].tolist() == found


def test_the_same_defect_is_not_asked_about_twice_in_a_round() -> None:
    rng = np.random.default_rng(0)
    defects = rng.normal(size=(4, 6))
    kind = np.array([0] * 9 + [1, 2, 3])  # one defect is in nine pictures and the most uncertain, three are in one each
    vectors, probs = rng.normal(size=(12 * 5, 6)) * 0.05 + 1, np.full((60, 1), 0.01)
    for item, which in enumerate(kind):
        vectors[5 * item] = 4 * defects[which] + 0.01 * rng.normal(size=6)
        probs[5 * item] = 0.5 if which == 0 else 0.4
    told = PartState(vectors, np.arange(13) * 5, np.array([], int), np.random.default_rng(0), probs=probs)
    assert set(kind[get_part_strategy("auto").query(told, 4).indices]) == {0, 1, 2, 3}
    assert set(kind[get_part_strategy("entropy").query(told, 4).indices]) == {0}
    # and one that has an answer counts as known
    known = told.replace(labeled=np.array([0]), rng=np.random.default_rng(0))
    assert 0 not in kind[get_part_strategy("auto").query(known, 3).indices]


def test_a_crowded_item_is_not_asked_about_because_it_has_more_parts() -> None:
    probs = np.concatenate([np.full(100, 0.8), [0.5, 0.5, 0.5]])[:, None]
    told = PartState(np.eye(103, 4), np.array([0, 100, 103]), np.array([], int), np.random.default_rng(0), probs=probs)
    assert get_part_strategy("entropy").query(told, 1).indices.tolist() == [1]


def test_an_item_that_costs_more_has_to_be_worth_more() -> None:
    probs = np.array([[0.5], [0.45], [0.01]])
    told = PartState(np.eye(3), np.arange(4), np.array([], int), np.random.default_rng(0), probs=probs)
    costs = expected_seconds(np.array([9.0, 0.0, 0.0]), a_region=5, looking=3)
    assert get_part_strategy("entropy").query(told, 1).indices.tolist() == [0]
    assert get_part_strategy("entropy").query(told.replace(costs=costs), 1).indices.tolist() == [1]


def test_random_items_are_drawn_with_the_propensity_that_they_state() -> None:
    chooser = RandomItemShare(get_part_strategy("entropy"), 0.25)
    drawn = np.zeros(30)
    for seed in range(400):
        query = chooser.query(state().replace(rng=np.random.default_rng(seed)), 6)
        at_random = ~np.isnan(query.propensities)
        assert at_random.sum() in (1, 2) and np.allclose(query.propensities[at_random], 1.5 / 28)
        assert query.alike == tuple(at_random)
        drawn[query.indices[at_random]] += 1
    free = np.delete(drawn, [3, 4])
    assert drawn[[3, 4]].sum() == 0 and abs(free.mean() - 400 * 1.5 / 28) < 1e-9 + 1.5
    # chi-square of 27 degrees of freedom: above 60 in one of 10,000 cases
    assert ((free - free.mean()) ** 2 / free.mean()).sum() < 60


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"probs": np.zeros((3, 2))}, "3 probabilities for"),
        ({"offsets": np.array([0, 2])}, "the offsets of 1 items end at 2"),
        ({"costs": np.zeros(30)}, "costs are not all above 0"),
        ({"excluded": np.ones(30, dtype=bool)}, "only 0 of 30 items are available"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(more: dict[str, object], says: str) -> None:
    with pytest.raises(QueryError, match=says):
        get_part_strategy("auto").query(state(**more), 2)


def test_before_there_is_a_head_auto_draws_and_uncertainty_says_what_it_needs() -> None:
    drawn = get_part_strategy("auto").query(state(probs=None), 5)
    assert drawn.strategy == "auto" and np.isfinite(drawn.propensities).all() and all(drawn.alike)
    # with a random share the whole round is drawn in one piece, with one propensity
    shared = RandomItemShare(get_part_strategy("entropy"), 0.1).query(state(probs=None), 5)
    assert len(set(shared.propensities.tolist())) == 1 and shared.strategy == "entropy"
    with pytest.raises(QueryError, match="needs the head's probabilities"):
        get_part_strategy("entropy").query(state(probs=None), 2)
