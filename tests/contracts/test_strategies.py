"""What every registered strategy promises."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, is_dataclass

import numpy as np
import pytest

from activessl.errors import QueryError
from activessl.strategies.base import QueryStrategy, State
from activessl.strategies.registry import get_strategy, strategy_names

NAMES = list(strategy_names())


def make_state(
    n: int = 60,
    d: int = 8,
    k: int = 3,
    m: int = 9,
    *,
    seed: int = 0,
    vectors: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    head: bool = True,
    multi_label: bool = False,
    **more: object,
) -> State:
    """A pool of k blobs, the first m rows labeled, and a nearest-mean head."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, d))
    truth = rng.integers(k, size=n)
    if vectors is None:
        vectors = (centres[truth] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
    labeled = rng.permutation(n)[:m]

    def predict(points: np.ndarray) -> np.ndarray:
        logits = np.asarray(points, dtype=np.float64) @ centres.T
        if multi_label:
            return 1 / (1 + np.exp(-logits))
        logits -= logits.max(axis=1, keepdims=True)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    probs = samples = None
    if head:
        probs = predict(np.asarray(vectors, dtype=np.float64))
        noisy = np.clip(probs + 0.05 * rng.random((4, *probs.shape)), 1e-6, None)
        samples = noisy / noisy.max() if multi_label else noisy / noisy.sum(axis=2, keepdims=True)
    if labels is None:
        labels = (probs[labeled] > 0.5).astype(int) if multi_label and probs is not None else truth[labeled]
    return State(
        vectors=vectors,
        labeled=labeled,
        labels=labels,
        n_classes=k,
        rng=np.random.default_rng(seed + 1),
        probs=probs,
        samples=samples,
        predict=predict if head else None,
        **more,  # type: ignore[arg-type]
    )


def check(state: State, query_size: int, name: str) -> None:
    query = get_strategy(name).query(state, query_size)
    allowed = set(state.candidates.tolist())
    assert len(query) == query_size
    assert len(set(query.indices.tolist())) == query_size
    assert set(query.indices.tolist()) <= allowed
    assert query.ids == tuple(state.id_of(int(i)) for i in query.indices)
    assert np.isfinite(query.scores).all()
    assert (np.diff(query.scores) <= 1e-12).all()
    assert len(query.reasons) == query_size
    assert all(reason and "nan" not in reason for reason in query.reasons)
    drawn = ~np.isnan(query.propensities)
    assert query.propensities.shape == (query_size,)
    assert ((query.propensities[drawn] > 0) & (query.propensities[drawn] <= 1 + 1e-9)).all()
    assert all(np.isfinite(part).all() and len(part) == query_size for part in query.parts.values())
    assert query.strategy == name
    if len(state.labeled):
        assert len(query.neighbours) == query_size
        assert all(set(near) <= set(state.labeled.tolist()) and near for near in query.neighbours)


@pytest.mark.parametrize("name", NAMES)
def test_a_registered_strategy_is_a_frozen_value_with_its_name(name: str) -> None:
    strategy = get_strategy(name)
    assert isinstance(strategy, QueryStrategy)
    assert strategy.name == name
    assert is_dataclass(strategy)
    with pytest.raises((FrozenInstanceError, AttributeError)):
        strategy.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("query_size", [1, 7, 51])
def test_it_returns_exactly_as_many_distinct_candidates_as_asked(name: str, query_size: int) -> None:
    check(make_state(), query_size, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_state_and_rng_give_the_same_query(name: str) -> None:
    first, second = (get_strategy(name).query(make_state(), 6) for _ in range(2))
    assert first.indices.tolist() == second.indices.tolist()
    assert first.scores.tolist() == second.scores.tolist()
    assert first.reasons == second.reasons


@pytest.mark.parametrize("name", NAMES)
def test_the_global_random_state_changes_nothing(name: str) -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = get_strategy(name).query(make_state(), 5)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    second = get_strategy(name).query(make_state(), 5)
    assert first.indices.tolist() == second.indices.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_excluded_items_are_never_asked(name: str) -> None:
    excluded = np.zeros(60, dtype=bool)
    excluded[::2] = True
    check(make_state(excluded=excluded), 10, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_read_only_float16_memory_map_is_enough_and_stays_as_it_was(name: str, tmp_path) -> None:
    base = make_state()
    np.save(tmp_path / "vectors.npy", base.vectors.astype(np.float16))
    before = (tmp_path / "vectors.npy").read_bytes()
    state = make_state(vectors=np.load(tmp_path / "vectors.npy", mmap_mode="r"))
    check(state, 6, name)
    assert (tmp_path / "vectors.npy").read_bytes() == before


@pytest.mark.parametrize("name", NAMES)
def test_without_labels_and_head_it_answers_or_says_what_it_needs(name: str) -> None:
    state = make_state(m=0, head=False, labels=np.zeros(0, dtype=int))
    try:
        check(state, 6, name)
    except QueryError as error:
        assert "needs" in error.message
        assert error.hint


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("what", "state"),
    [
        ("one class seen", lambda: make_state(m=4, labels=np.zeros(4, dtype=int))),
        ("one class known", lambda: make_state(k=1)),
        ("one label", lambda: make_state(m=1)),
        ("more dimensions than items", lambda: make_state(n=12, d=40, m=3)),
        ("two dimensions", lambda: make_state(d=2)),
        ("constant vectors", lambda: make_state(vectors=np.ones((60, 8), dtype=np.float32))),
        ("zero vectors", lambda: make_state(vectors=np.zeros((60, 8), dtype=np.float32))),
        ("huge vectors", lambda: make_state(vectors=1e30 * np.random.default_rng(0).normal(size=(60, 8)))),
        ("multi-label", lambda: make_state(multi_label=True)),
        ("certain head", lambda: make_state().replace(probs=np.eye(3)[np.arange(60) % 3])),
    ],
)
def test_a_meagre_state_gets_a_full_answer(name: str, what: str, state) -> None:
    check(state(), 5, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_candidate_is_asked(name: str) -> None:
    check(make_state(n=10, m=9), 1, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_holds_no_picture_twice_while_others_remain(name: str) -> None:
    rng = np.random.default_rng(3)
    once = rng.normal(size=(20, 8)).astype(np.float32)
    state = make_state(n=60, m=0, labels=np.zeros(0, dtype=int), vectors=np.concatenate([once, once, 2 * once]))
    query = get_strategy(name).query(state, 20)
    assert len({int(i) % 20 for i in query.indices}) == 20


@pytest.mark.parametrize("name", NAMES)
def test_copies_of_labeled_items_come_last(name: str) -> None:
    rng = np.random.default_rng(3)
    once = rng.normal(size=(20, 8)).astype(np.float32)
    state = make_state(n=40, m=0, labels=np.zeros(0, dtype=int), vectors=np.concatenate([once, once]))
    state = state.replace(labeled=np.arange(10), labels=np.arange(10) % 3)
    query = get_strategy(name).query(state, 12)
    assert {int(i) % 20 for i in query.indices[:10]} == set(range(10, 20))


@pytest.mark.parametrize("name", NAMES)
def test_costs_and_class_weights_are_accepted(name: str) -> None:
    costs = np.random.default_rng(0).uniform(1, 30, size=60)
    check(make_state(costs=costs, class_weights=np.array([0.0, 1.0, 5.0])), 8, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        {"costs": np.zeros(60)},
        {"costs": np.full(60, np.nan)},
        {"class_weights": np.array([-1.0, 1, 1])},
        {"class_weights": np.zeros(3)},
        {"class_weights": np.ones(2)},
        {"vectors": np.full((60, 8), np.nan, dtype=np.float32)},
        {"vectors": np.full((60, 8), np.inf, dtype=np.float32)},
        {"probs": np.full((60, 3), np.nan)},
        {"probs": np.ones((59, 3))},
        {"labeled": np.array([4, 4]), "labels": np.array([0, 1])},
        {"labeled": np.array([4, 60]), "labels": np.array([0, 1])},
        {"labeled": np.array([4, 5]), "labels": np.array([0, 3])},
        {"labeled": np.array([4, 5]), "labels": np.array([0])},
        {"labeled": np.array([4, 5]), "labels": np.array([[0, 1], [1, 1]])},
    ],
)
def test_an_impossible_state_is_refused_with_a_hint(name: str, change: dict[str, np.ndarray]) -> None:
    with pytest.raises(QueryError) as caught:
        get_strategy(name).query(make_state().replace(**change), 5)
    assert caught.value.hint


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("query_size", [0, -1, 52])
def test_more_than_there_is_or_less_than_one_is_refused(name: str, query_size: int) -> None:
    with pytest.raises(QueryError):
        get_strategy(name).query(make_state(), query_size)
