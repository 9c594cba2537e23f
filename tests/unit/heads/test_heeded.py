"""A head heeds a machine as far as people's labels show that it helps, and not otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import HeadError, LabelError
from activessl.heads.heeded import Heeded, heed
from activessl.heads.linear import LogisticHead
from activessl.heads.proving import STAKES, Proof, prove, wealth
from activessl.heads.students import shares_of, shares_of_scores, student_of
from activessl.heads.votes import batch_calibrated, shares_for

K = 4
RNG = np.random.default_rng(0)
Y = RNG.integers(K, size=1200)
X = (1.1 * np.eye(K, 24)[Y] + 0.55 * RNG.normal(size=(1200, 24))).astype(np.float32)
TRUE = np.where(RNG.random(1200) < 0.75, Y, (Y + RNG.integers(1, K, 1200)) % K)


def taught(said: np.ndarray, count: int, *others: np.ndarray, seed: int = 1) -> tuple[Heeded | None, float, float]:
    """The head that heeds machines, its accuracy, and that of the head on its own."""
    rows = np.random.default_rng(seed).choice(1200, count, replace=False)
    found = heed(X[rows], Y[rows], K, [student_of(X, shares_of(one, K)) for one in (said, *others)])
    alone = float(np.mean(LogisticHead(classes=range(K)).fit(X[rows], Y[rows]).predict(X) == Y))
    return found, alone if found is None else float(np.mean(found.head.predict(X) == Y)), alone


def test_a_machine_that_is_right_in_three_of_four_is_worth_many_labels() -> None:
    found, with_it, alone = taught(TRUE, 16)
    assert found is not None and found.used == (0,) and found.gain > 0
    assert with_it > alone + 0.03


def test_labels_that_come_one_after_the_other_are_predicted_by_those_before_them() -> None:
    student = student_of(X, shares_of(TRUE, K))
    assert student is not None
    rows = np.random.default_rng(1).choice(1200, 40, replace=False)
    turns = np.repeat(np.arange(4), 10)
    found = prove(X[rows], Y[rows], K, student, turns=turns)
    # the order of the rows is none of its business
    mixed = np.random.default_rng(2).permutation(40)
    assert prove(X[rows][mixed], Y[rows][mixed], K, student, turns=turns[mixed]).evidence > 10
    assert found.evidence > 10 and len(found.against) == 3


def test_evidence_that_there_is_none_of_is_found_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(0)
    # gains of a machine that helps at no label: right and wrong as often, in streaks that depend on the past
    ever = 0
    for _ in range(200):
        gains, up = np.zeros((3, 120)), 0.0
        for at in range(120):
            spread = 1.0 if up < 0 else 0.3
            gains[:, at] = rng.choice([-spread, spread])
            up += gains[0, at]
        ever += wealth(gains, STAKES).max() >= 10
    assert ever <= 20 + 3 * np.sqrt(200 * 0.1 * 0.9)
    assert wealth(np.full((1, 20), 0.5)).max() > 10 and sum(STAKES) == pytest.approx(1.0)


def test_a_machine_that_does_not_help_any_more_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taught(TRUE, 40)[0] is not None
    monkeypatch.setattr("activessl.heads.heeded.prove", lambda *_, **__: Proof((1e9, 1e9, 1e9), (11.0, 11.0, 11.0)))
    assert taught(TRUE, 40)[0] is None
    monkeypatch.setattr("activessl.heads.heeded.prove", lambda *_, **__: Proof((9.9, 9.9, 9.9), (1.0, 1.0, 1.0)))
    assert taught(TRUE, 40)[0] is None  # it has not proved itself


def test_a_student_is_right_more_often_than_its_machine() -> None:
    student = student_of(X, shares_of(TRUE, K))
    assert student is not None
    assert np.mean(student(student.place(X)).argmax(axis=1) == Y) > np.mean(TRUE == Y) + 0.04


@pytest.mark.parametrize("seed", range(100, 106))
def test_a_machine_at_chance_is_not_heeded(seed: int) -> None:
    said = np.random.default_rng(seed).integers(K, size=1200)
    for count in (8, 24, 80):
        assert taught(said, count, seed=seed)[0] is None


def test_a_machine_that_names_each_class_by_another_is_understood() -> None:
    said = np.where(np.random.default_rng(4).random(1200) < 0.9, Y + 1, Y + 2) % K
    found, with_it, alone = taught(said, 60)
    assert found is not None and with_it > alone


def test_a_machine_that_is_always_wrong_costs_nothing() -> None:
    wrong = (Y + np.random.default_rng(3).integers(1, K, 1200)) % K
    for count in (8, 24, 80):
        _, with_it, alone = taught(wrong, count)
        assert with_it >= alone - 0.01


def test_a_copy_of_a_machine_does_not_count_twice() -> None:
    one, _, _ = taught(TRUE, 40)
    both, _, _ = taught(TRUE, 40, TRUE.copy())
    assert one is not None and both is not None and both.used == (0,)
    assert np.allclose(one.head.coef_, both.head.coef_)


def test_a_machine_that_says_one_class_is_no_machine() -> None:
    assert student_of(X, shares_of(np.zeros(1200, dtype=int), K)) is None
    assert heed(X[:40], Y[:40], K, [None]) is None


def test_a_class_without_a_label_is_known_from_the_machine() -> None:
    rows = np.flatnonzero(Y != 3)[:30]
    found = heed(X[rows], Y[rows], K, [student_of(X, shares_of(TRUE, K))], chance=0.99)
    assert found is not None and np.mean(found.head.predict(X[Y == 3]) == 3) > 0.2


def test_items_without_an_answer_count_for_nothing() -> None:
    some = np.where(np.random.default_rng(5).random(1200) < 0.5, TRUE, -1)
    student, same = student_of(X, shares_of(some, K)), student_of(X[some >= 0], shares_of(some[some >= 0], K))
    assert student is not None and same is not None
    assert np.allclose(student.coef, same.coef, atol=0.05)
    with pytest.raises(HeadError):
        student_of(X[:5], shares_of(some, K))
    with pytest.raises(LabelError):
        heed(X[:5], Y[:4], K, [student])


def test_the_head_is_saved_as_a_head_on_its_own(tmp_path: object) -> None:
    found, _, _ = taught(TRUE, 16)
    assert found is not None
    found.head.save(tmp_path / "head")  # type: ignore[operator]
    again = LogisticHead.load(tmp_path / "head")  # type: ignore[operator]
    assert np.allclose(again.predict_proba(X[:50]), found.head.predict_proba(X[:50]))


def test_scores_are_shares_whatever_their_scale() -> None:
    probs = np.array([[0.2, 0.8], [np.nan, 0.5]])
    assert np.allclose(shares_of_scores(probs)[0], probs[0]) and np.isnan(shares_of_scores(probs)[1]).all()
    assert shares_of_scores(np.array([[-3.0, 4.0]])).sum() == pytest.approx(1.0)
    assert np.isnan(batch_calibrated(shares_of_scores(probs))[1]).all()
    assert np.isnan(shares_for(["a"], {"a": (0.0, 1.0)}, ["x", "y"], ["x", "z"])).all()
