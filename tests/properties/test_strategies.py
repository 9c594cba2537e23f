"""What must hold for any pool, over all registered strategies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from activessl.errors import QueryError
from activessl.geometry.clusters import kmeans
from activessl.geometry.duplicates import collapse_duplicates
from activessl.geometry.neighbours import nearest_distances
from activessl.geometry.units import unit_rows
from activessl.strategies.base import State
from activessl.strategies.coverage.herding import herd
from activessl.strategies.registry import get_strategy, strategy_names
from activessl.strategies.uncertainty.power import power_sample
from activessl.strategies.uncertainty.scores import bald, disagreement, entropy, least_confidence, margin

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MORE = settings(max_examples=60, deadline=None)


@st.composite
def states(draw: st.DrawFn) -> tuple[State, int]:
    """Pools with few distinct values (so many copies, zeros and ties), any labels, any probabilities."""
    n, d, k = draw(st.integers(1, 24)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    value = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0])
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
    vectors = draw(hnp.arrays(dtype, (n, d), elements=value))
    m = draw(st.integers(0, n - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    order = rng.permutation(n)
    concentration = draw(st.sampled_from([0.01, 1.0, 100.0]))
    weight = rng.normal(size=(d, k))

    def predict(points: np.ndarray) -> np.ndarray:
        logits = np.asarray(points, dtype=np.float64) @ weight
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    state = State(
        vectors=vectors,
        labeled=order[:m],
        labels=rng.integers(k, size=m),
        n_classes=k,
        rng=np.random.default_rng(draw(st.integers(0, 2**16))),
        probs=rng.dirichlet(np.full(k, concentration), size=n) if k > 1 else np.ones((n, 1)),
        samples=rng.dirichlet(np.ones(k), size=(3, n)),
        predict=predict,
        costs=draw(st.sampled_from([None, np.linspace(1, 60, n)])),
        class_weights=draw(st.sampled_from([None, np.arange(1.0, k + 1)])),
    )
    return state, draw(st.integers(1, n - m))


@pytest.mark.parametrize("name", strategy_names())
@FEW
@given(case=states())
def test_any_pool_gets_a_full_answer(name: str, case: tuple[State, int]) -> None:
    state, size = case
    query = get_strategy(name).query(state, size)
    assert len(set(query.indices.tolist())) == size
    assert set(query.indices.tolist()) <= set(state.candidates.tolist())
    assert np.isfinite(query.scores).all()
    assert (np.diff(query.scores) <= 1e-9).all()
    drawn = query.propensities[~np.isnan(query.propensities)]
    assert ((drawn > 0) & (drawn <= 1 + 1e-9)).all()
    assert all(np.isfinite(part).all() for part in query.parts.values())


@pytest.mark.parametrize("name", strategy_names())
@FEW
@given(case=states())
def test_no_distinct_item_waits_behind_a_copy(name: str, case: tuple[State, int]) -> None:
    state, size = case
    query = get_strategy(name).query(state, size)
    group = collapse_duplicates(state.vectors, 5e-4).membership
    seen = set(group[state.labeled].tolist())
    fresh = set(group[state.candidates].tolist()) - seen
    asked = [int(g) for g in group[query.indices]]
    distinct = set(asked) - seen
    assert len(distinct) == min(size, len(fresh))


@pytest.mark.parametrize("name", strategy_names())
def test_broken_vectors_are_refused_wherever_they_are(name: str) -> None:
    rng = np.random.default_rng(0)
    for value in (np.nan, np.inf, -np.inf):
        vectors = rng.normal(size=(9, 3))
        vectors[rng.integers(9), rng.integers(3)] = value
        state = State(vectors, np.array([0]), np.array([1]), 2, rng, probs=np.full((9, 2), 0.5))
        with pytest.raises(QueryError, match="NaN or infinity"):
            get_strategy(name).query(state, 2)


@MORE
@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 2**16))
def test_permuting_items_permutes_scores(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.dirichlet(np.ones(k), size=(4, n))
    order = rng.permutation(n)
    for score in (margin, entropy, least_confidence):
        assert np.allclose(score(samples[0][order]), score(samples[0])[order])
        assert (score(samples[0]) >= 0).all()
    for score in (bald, disagreement):
        assert np.allclose(score(samples[:, order]), score(samples)[order])
        assert (score(samples) <= np.log(k) + 1e-9).all()


@MORE
@given(st.integers(2, 40), st.integers(0, 2**16))
def test_herding_never_gains_less_by_one_more_pick_and_gains_shrink(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4)).astype(np.float32)
    found = herd(vectors, np.array([], dtype=int), np.arange(n), n, width=rng.uniform(0.1, 2), rng=rng)
    assert sorted(found.picks.tolist()) == list(range(n))
    assert (found.gains >= 0).all()
    assert (np.diff(found.gains) <= 1e-5).all()
    assert abs(found.objective - 1) < 1e-5


@MORE
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 2**16))
def test_every_point_belongs_to_its_nearest_centre(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)).astype(np.float32)
    found = kmeans(points, k, rng=rng)
    distance = np.linalg.norm(points[:, None] - found.centres[None], axis=2)
    assert np.allclose(distance[np.arange(n), found.assignment], distance.min(axis=1), atol=1e-3)


@MORE
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=st.floats(-1e6, 1e6)),
    st.integers(0, 100),
)
def test_distances_to_anchors_are_zero_at_the_anchors_and_never_above_two(vectors: np.ndarray, seed: int) -> None:
    anchor = np.array([seed % len(vectors)])
    distance = nearest_distances(vectors, None, anchor)
    assert distance[anchor[0]] < 2e-3
    assert (distance <= 2 + 1e-5).all()
    length = np.linalg.norm(unit_rows(vectors), axis=1)
    assert (np.isclose(length, 1, atol=1e-5) | (length == 0)).all()


@MORE
@given(st.integers(1, 50), st.integers(0, 2**16))
def test_propensities_lie_in_the_unit_interval(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, n + 1))
    positions, chance = power_sample(rng.uniform(1e-6, 1, size=n) ** rng.uniform(0, 5), size, rng)
    assert len(set(positions.tolist())) == size
    assert ((chance > 0) & (chance <= 1)).all()
