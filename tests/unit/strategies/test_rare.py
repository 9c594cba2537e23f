from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from activessl.heads.registry import make_head
from activessl.strategies import rare
from activessl.strategies.auto import Auto
from activessl.strategies.base import State
from activessl.strategies.scene import Choice


def pool(seed: int = 0, *, n: int = 800, few: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Three common classes in clouds that overlap, and a rare class at the edge of one of them."""
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.integers(3, size=n - few), np.full(few, 3)])
    centres = rng.normal(size=(4, 12))
    centres[3] = centres[0] + 3.0 * np.eye(12)[0]
    return (centres[truth] + rng.normal(size=(n, 12))).astype(np.float32), truth


def told(counts: tuple[int, ...], seed: int = 0) -> State:
    """A state with so many labels of each class, and a head that was taught them."""
    vectors, truth = pool(seed)
    labeled = np.concatenate([np.flatnonzero(truth == c)[:count] for c, count in enumerate(counts)])
    head = make_head("logistic", 4).fit(vectors[labeled], truth[labeled])
    rng = np.random.default_rng(seed)
    return State(vectors, labeled, truth[labeled], 4, rng, probs=head.predict_proba(vectors))


def sought(state: State, size: int = 20) -> list[int]:
    query = Auto().query(state, size)
    assert len(np.unique(query.indices)) == size
    return [int(row) for row, why in zip(query.indices, query.reasons, strict=True) if why.startswith("may be ")]


def test_a_fifth_of_the_round_looks_for_a_class_with_few_labels() -> None:
    state = told((12, 12, 12, 2))
    rows = sought(state)
    score = state.probs[:, 3] * (1 - state.probs[:, 3])  # type: ignore[index]
    score[state.labeled] = 0
    assert len(rows) == 4
    assert set(rows) == set(np.argsort(-score)[:4].tolist())


def test_it_spreads_over_the_round_and_says_why() -> None:
    query = Auto().query(told((12, 12, 12, 2)).replace(class_names=("a", "b", "c", "scratch")), 20)
    places = [i for i, why in enumerate(query.reasons) if why.startswith("may be scratch, which has 2 of 38 labels")]
    assert len(places) == 4
    assert places[0] < 5
    assert places[-1] > 14


def test_nothing_is_sought_without_such_a_class_or_without_a_head_or_where_its_weight_is_zero() -> None:
    assert not sought(told((8, 8, 8, 6)))
    assert not sought(told((12, 12, 12, 0)))  # no probability tells where its items are
    assert not sought(told((12, 12, 12, 2)).replace(probs=None))
    assert not sought(told((12, 12, 12, 2)).replace(class_weights=np.array([1.0, 1.0, 1.0, 0.0])))


def test_a_class_is_left_alone_once_most_of_its_items_seem_to_have_a_label() -> None:
    state = told((12, 12, 12, 2))
    probs = np.array(state.probs)
    left = np.delete(np.arange(len(probs)), state.labeled)
    for expected, rows in ((1.5, 0), (2.5, 4)):  # 2 have a label
        probs[left, 3] *= expected / probs[left, 3].sum()
        assert len(sought(state.replace(probs=probs, rng=np.random.default_rng(0)))) == rows


def test_one_round_of_one_item_in_five_looks_for_it() -> None:
    state = told((12, 12, 12, 2))
    hits = [len(sought(state.replace(rng=np.random.default_rng(turn)), 1)) for turn in range(20)]
    assert 1 <= sum(hits) <= 9


def test_items_that_may_have_several_classes_are_chosen_as_before() -> None:
    state = told((12, 12, 12, 2))
    table = np.eye(4, dtype=np.int64)[state.labels]
    assert not sought(replace(state, labels=table))


def test_the_class_with_the_fewest_labels_comes_first() -> None:
    probs = np.tile([0.6, 0.2, 0.2], (6, 1)) + np.arange(6)[:, None] * np.array([0.0, 0.01, -0.01])
    labels = np.array([0] * 20 + [1] * 3 + [2])
    rows, classes = rare.likely_rare(probs, labels, np.array([1, 2]), 4)
    assert classes.tolist() == [2, 2, 1, 2]  # 1 of two with 3 labels each is taken in the order of the classes
    assert rows.tolist() == [0, 1, 5, 2]


def test_more_items_of_a_rare_class_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(seed: int) -> int:
        vectors, truth = pool(seed)
        labeled = np.concatenate([np.flatnonzero(truth == c)[: 5 if c < 3 else 1] for c in range(4)])
        for turn in range(3):
            head = make_head("logistic", 4).fit(vectors[labeled], truth[labeled])
            rng = np.random.default_rng([seed, turn])
            state = State(vectors, labeled, truth[labeled], 4, rng, probs=head.predict_proba(vectors))
            labeled = np.concatenate([labeled, Auto().query(state, 20).indices])
        return int(np.sum(truth[labeled] == 3))

    with_search = sum(found(seed) for seed in range(4))
    monkeypatch.setattr(rare, "SHARE", 0.0)
    assert with_search >= 1.5 * sum(found(seed) for seed in range(4))


def test_one_sought_row_stands_in_the_middle_of_the_others_and_two_at_a_quarter_and_three() -> None:
    def choice(rows: list[int], lead: str = "") -> Choice:
        parts = {"gain": np.array(rows, dtype=float), "uncertainty": np.zeros(len(rows))}
        return Choice(np.array(rows), parts=parts, leads=[lead] * len(rows) if lead else None)

    others = choice([1, 2, 3, 4])
    one = rare.Sought(choice([9], "may be d"), None).joined(others)  # type: ignore[arg-type]
    assert one.picks.tolist() == [1, 2, 9, 3, 4] and one.leads == ["", "", "may be d", "", ""]
    two = rare.Sought(choice([9, 8], "may be d"), None).joined(others)  # type: ignore[arg-type]
    assert two.picks.tolist() == [1, 9, 2, 3, 8, 4] and two.parts["gain"].tolist() == [1, 9, 2, 3, 8, 4]
