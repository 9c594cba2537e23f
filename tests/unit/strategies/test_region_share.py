"""The share of new regions: which part of a query, which reasons, and never a wrong propensity."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.strategies.base import State
from activessl.strategies.random_share import RandomShare
from activessl.strategies.region_share import IN_NEW_REGION, RegionShare
from activessl.strategies.registry import get_strategy


def state(seed: int = 0) -> State:
    rng = np.random.default_rng(seed)
    vectors, labeled = rng.normal(size=(90, 5)), np.arange(6)
    probs = rng.dirichlet(np.ones(3), size=90)
    return State(vectors, labeled, labeled % 3, 3, np.random.default_rng(seed), probs=probs)


def test_half_of_the_query_is_from_the_rows_and_the_rest_from_all() -> None:
    rows = np.arange(60, 80)
    for name in ("auto", "margin", "k_center", "power"):  # "power" draws by weights, with propensities
        query = RegionShare(get_strategy(name), rows, 0.5).query(state(), 9)
        told = [reason.startswith(IN_NEW_REGION) for reason in query.reasons]
        assert len(set(query.indices.tolist())) == 9 and np.all(np.diff(query.scores) <= 0), name
        assert told == [True] * 5 + [False] * 4 and np.isin(query.indices[:5], rows).all(), name
        assert np.isnan(query.propensities).all(), name


def test_fewer_free_rows_than_the_share_and_none() -> None:
    few = RegionShare(get_strategy("margin"), np.array([0, 1, 50]), 1.0).query(state(), 4)  # 0 and 1 have a label
    assert few.indices[0] == 50 and len(few) == 4
    plain = get_strategy("margin").query(state(), 4)
    assert RegionShare(get_strategy("margin"), np.array([0, 1]), 0.5).query(state(), 4).ids == plain.ids
    whole = RegionShare(get_strategy("margin"), np.arange(60, 80), 1.0).query(state(), 4)
    assert np.isin(whole.indices, np.arange(60, 80)).all()
    with pytest.raises(QueryError, match="outside"):
        RegionShare(get_strategy("margin"), np.array([1]), 1.5)


def test_random_draws_stay_uniform_over_all_items() -> None:
    rows, counts = np.arange(60, 80), np.zeros(90)
    shared = RandomShare(RegionShare(get_strategy("margin"), rows, 0.5), 0.4)
    for seed in range(40):
        query = shared.query(state(seed), 10)
        drawn = ~np.isnan(query.propensities)
        assert drawn.sum() == 4 and query.propensities[drawn] == pytest.approx(4 / 84)
        counts[query.indices[drawn]] += 1
    assert abs(counts[rows].sum() / counts.sum() - 20 / 84) < 0.11  # 160 draws: three standard errors are 0.10


def test_a_round_that_is_left_to_chance_favours_nothing() -> None:
    shared = RandomShare(RegionShare(get_strategy("random"), np.arange(60, 80), 0.5), 0.1)
    query = shared.query(state(), 10)
    assert query.propensities == pytest.approx(10 / 84) and not any(IN_NEW_REGION in one for one in query.reasons)
