from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activessl.strategies.auto import Auto, centred, labels_follow_geometry
from activessl.strategies.base import State
from activessl.strategies.registry import get_strategy


def blobs(n: int = 600, k: int = 4, d: int = 8, *, m: int = 0, seed: int = 0, told: bool = True) -> State:
    """k blobs around far-off centres; the first m rows labeled at random places, true labels unless not told."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(k, d)) + 50.0
    truth = rng.integers(k, size=n)
    vectors = (centres[truth] + rng.normal(size=(n, d))).astype(np.float32)
    labeled = rng.permutation(n)[:m]
    labels = truth[labeled] if told else rng.integers(k, size=m)
    distance = ((vectors[:, None] - centres[None]) ** 2).sum(axis=2) / 20
    probs = np.exp(-distance) / np.exp(-distance).sum(axis=1, keepdims=True)
    return State(vectors, labeled, labels, k, np.random.default_rng(seed + 1), probs=probs if m else None)


def truth_of(state: State) -> np.ndarray:
    full = blobs(len(state), state.n_classes, state.vectors.shape[1], m=len(state))
    truth = np.empty(len(state), dtype=int)
    truth[full.labeled] = full.labels
    return truth


def test_it_is_registered_and_needs_no_parameters() -> None:
    assert get_strategy("auto") == Auto()


def test_the_first_batch_of_one_item_a_class_meets_every_class() -> None:
    state = blobs()
    query = Auto().query(state, 4)
    assert set(truth_of(state)[query.indices].tolist()) == {0, 1, 2, 3}
    assert np.isnan(query.propensities).all()


def test_uncertain_regions_are_asked_before_certain_ones() -> None:
    state = blobs(m=40)
    certain = np.array(state.probs)
    sure = truth_of(state) != 2
    certain[sure], certain[~sure] = np.eye(4)[truth_of(state)[sure]], 0.25
    query = Auto().query(state.replace(probs=certain), 10)
    assert (truth_of(state)[query.indices] == 2).all()


def test_labels_that_do_not_follow_the_vectors_make_the_round_random() -> None:
    lost = blobs(m=120, told=False)
    query = Auto().query(lost, 10)
    assert query.propensities == pytest.approx(10 / 480)
    assert "no more often than by chance" in query.reasons[0]
    assert not labels_follow_geometry(lost)
    assert labels_follow_geometry(blobs(m=120))


def test_few_labels_never_make_it_give_up() -> None:
    assert labels_follow_geometry(blobs(m=20, told=False))


def test_one_class_alone_never_makes_it_give_up() -> None:
    state = blobs(m=50)
    assert labels_follow_geometry(state.replace(labels=np.zeros(50, dtype=int)))


def test_what_is_out_for_labeling_is_neither_asked_nor_covered_again() -> None:
    state = blobs(m=12)
    first = Auto().query(state, 6).indices
    second = Auto().query(state.replace(pending=first, rng=np.random.default_rng(1)), 6).indices
    assert not set(first) & set(second)
    gap = np.linalg.norm(state.vectors[first][:, None] - state.vectors[second][None], axis=2).min()
    blind = (
        Auto().query(state.replace(excluded=np.isin(np.arange(600), first), rng=np.random.default_rng(1)), 6).indices
    )
    assert gap > np.linalg.norm(state.vectors[first][:, None] - state.vectors[blind][None], axis=2).min()


def test_a_first_batch_leaves_the_classes_that_are_out_for_labeling() -> None:
    state = blobs()
    out = np.flatnonzero(truth_of(state) < 2)[:40]
    query = Auto().query(state.replace(pending=out), 2)
    assert set(truth_of(state)[query.indices].tolist()) == {2, 3}


def test_the_choice_does_not_depend_on_where_the_origin_is() -> None:
    state = blobs(m=24)
    moved = state.replace(vectors=state.vectors + np.float32(30), rng=np.random.default_rng(1))
    assert Auto().query(state, 8).indices.tolist() == Auto().query(moved, 8).indices.tolist()


def test_an_odd_vector_far_from_all_is_not_the_first_choice() -> None:
    state = blobs()
    vectors = state.vectors.copy()
    vectors[0] = 1000.0
    assert 0 not in Auto().query(state.replace(vectors=vectors), 4).indices


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 40), d=st.integers(1, 60), m=st.integers(0, 12), q=st.integers(1, 40),
    seed=st.integers(0, 99), same=st.booleans(),
)  # fmt: skip
def test_any_state_gets_exactly_what_was_asked(n: int, d: int, m: int, q: int, seed: int, same: bool) -> None:
    state = blobs(n, 3, d, m=min(m, n - 1), seed=seed)
    if same:
        state = state.replace(vectors=np.full((n, d), 3.3, dtype=np.float32))
    q = min(q, len(state.candidates))
    query = Auto().query(state, q)
    assert len(set(query.indices.tolist())) == q
    assert set(query.indices.tolist()) <= set(state.candidates.tolist())
    drawn = query.propensities[~np.isnan(query.propensities)]
    assert ((drawn > 0) & (drawn <= 1)).all()


def test_centred_vectors_have_length_one_or_are_zero() -> None:
    rows = centred(np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0]], dtype=np.float16), np.arange(3))
    assert np.linalg.norm(rows, axis=1).tolist() == [1.0, 1.0, 0.0]


def test_three_labels_for_each_class_are_enough_to_see_that_labels_do_not_follow_the_vectors() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(size=(100, 6)), 2, axis=0) + 0.01 * rng.normal(size=(200, 6))
    labels = np.stack([np.arange(100) % 50, (np.arange(100) + 7) % 50], axis=1).ravel()

    def follows(m: int) -> bool:
        return labels_follow_geometry(State(points, np.arange(m), labels[:m], 50, np.random.default_rng(0)))

    assert follows(148) and not follows(150)
