"""Students of machines, their shares, and the bets on them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from activessl.errors import HeadError, LabelError
from activessl.heads import heeded
from activessl.heads.heeded import heed
from activessl.heads.proving import BETS, STAKES, Proof, prove, wealth
from activessl.heads.students import PENALTIES, Student, shares_of, shares_of_scores, student_of
from activessl.heads.votes import FLOOR, batch_calibrated, shares_for
from activessl.heads.ways import WAYS, Way, inputs_of, start_of


def pool(n: int = 120, k: int = 3, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(k, size=n)
    return rng.normal(size=(n, d)) + 1.5 * np.eye(k, d)[truth] + 2.0, truth


def test_a_student_is_ridge_regression_with_the_penalty_of_generalised_cross_validation() -> None:
    points, truth = pool()
    shares = shares_of(np.where(np.arange(120) % 7 == 0, -1, truth), 3)
    found = student_of(points, shares)
    assert found is not None
    known = np.isfinite(shares[:, 0])
    x = points - points.mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    losses = []
    for penalty in PENALTIES:
        ridge = Ridge(alpha=penalty).fit(x[known], shares[known])
        left = shares[known] - ridge.predict(x[known])
        centred = x[known] - x[known].mean(axis=0)
        energy = np.linalg.eigvalsh(centred.T @ centred)
        losses.append((left**2).sum() / (1 - (energy / (energy + penalty)).sum() / known.sum()) ** 2)
    assert found.penalty == PENALTIES[int(np.argmin(losses))]
    ridge = Ridge(alpha=found.penalty).fit(x[known], shares[known])
    assert found(found.place(points)) == pytest.approx(ridge.predict(x))
    variation = ridge.predict(x[known]) - shares[known].mean(axis=0)
    assert found.scale == pytest.approx(np.sqrt((variation**2).sum(axis=1).mean()))


def test_there_is_no_student_of_one_answer_or_of_answers_that_are_all_the_same() -> None:
    points, truth = pool(20)
    one, two = np.full((20, 3), np.nan), np.full((20, 3), np.nan)
    one[3] = two[3] = [1, 0, 0]
    two[4] = [0, 1, 0]
    assert student_of(points, one) is None and student_of(points, two) is not None
    two[4] = two[3]
    assert student_of(points, two) is None
    with pytest.raises(HeadError, match="answers of shape"):
        student_of(points, shares_of(truth[:-1], 3))
    with pytest.raises(HeadError, match="answers of shape"):
        student_of(points, truth.astype(float))


def test_scores_that_are_no_probabilities_go_through_softmax_all_together() -> None:
    kept = np.array([[0.25, 0.75], [0.5, 0.49], [np.nan, 1.0]])
    found = shares_of_scores(kept)
    assert found[:2].tolist() == kept[:2].tolist() and np.isnan(found[2]).all()
    for scores in ([[0.5, 0.5], [0.5, 0.53]], [[0.5, 0.5], [-0.1, 1.1]]):
        exp = np.exp(scores)
        assert shares_of_scores(scores) == pytest.approx(exp / exp.sum(axis=1, keepdims=True))
    assert np.isnan(shares_of_scores([[np.inf, 0.0]])).all()


def test_what_a_machine_says_of_everything_is_taken_off() -> None:
    shares = np.array([[0.8, 0.2], [np.nan, np.nan], [0.5, 0.5], [1.0, 0.0]])
    logs = np.log(np.maximum(shares[[0, 2, 3]], FLOOR))
    odds = np.exp(logs - logs.mean(axis=0))
    found = batch_calibrated(shares)
    assert found[[0, 2, 3]] == pytest.approx(odds / odds.sum(axis=1, keepdims=True)) and np.isnan(found[1]).all()
    assert np.isnan(batch_calibrated(shares[1:2])).all() and shares[0].tolist() == [0.8, 0.2]


def test_stored_answers_follow_the_classes_of_now() -> None:
    said = {"a": (0.2, 0.8), "b": (0.0, 1.0), "c": None}
    found = shares_for(["b", "a", "c", "d"], said, ["x", "y"], ["y", "new", "x"])
    assert found[:2].tolist() == [[1, 0, 0], [0.8, 0, 0.2]] and np.isnan(found[2:]).all()
    assert np.isnan(shares_for(["b"], said, ["x", "y"], ["x", "new"])).all()  # nothing for a class of now


def test_wealth_is_the_mean_of_the_bets_times_the_stake() -> None:
    gains = np.array([[1.0, -1.0, 0.0], [0.5, 0.5, 0.5]])
    found = wealth(gains, (0.6, 0.4))
    for row, stake in enumerate((0.6, 0.4)):
        grown = [np.cumprod([1 + bet * gain for gain in gains[row]]) for bet in BETS]
        assert found[row] == pytest.approx(stake * np.mean(grown, axis=0))
    assert Proof((0.5, 2.0, 1.0), (0.0, 0.0, 3.0)).evidence == 2.0
    assert sum(STAKES) == pytest.approx(1) and len(STAKES) == len(WAYS)


def test_the_inputs_of_a_way_are_vectors_one_and_weighted_answers() -> None:
    x, said = np.arange(6.0).reshape(3, 2), {4: np.eye(3)[:, :2], 7: np.ones((3, 2))}
    plain = inputs_of(x, said, {4: 2.0, 7: 4.0}, Way())
    assert plain.tolist() == np.hstack([x, np.ones((3, 1))]).tolist()
    both = inputs_of(x, said, {4: 2.0, 7: 4.0}, Way((7, 4), 1.0, 3.0))
    share = 3 / np.sqrt(2)
    assert both == pytest.approx(np.hstack([x, np.ones((3, 1)), share / 4 * said[7], share / 2 * said[4]]))
    start = start_of(said, Way((4, 7), 0.5, 0.0))
    assert start is not None and start == pytest.approx(0.5 * (said[4] + said[7]) / 2)
    assert start_of(said, Way((4, 7), 0.0, 3.0)) is None


def machine(points: np.ndarray, said: np.ndarray, k: int = 3) -> Student:
    found = student_of(points, shares_of(said, k))
    assert found is not None
    return found


def test_a_good_machine_proves_itself_one_of_chance_does_not_and_one_that_is_always_wrong_by_another_way() -> None:
    points, truth = pool(400, d=60)
    rng = np.random.default_rng(1)
    good, chance, wrong = (machine(points, said) for said in (truth, rng.integers(3, size=400), (truth + 1) % 3))
    proofs = [prove(points[:50], truth[:50], 3, one) for one in (good, chance, wrong)]
    assert proofs[0].evidence > 50 > 1 > proofs[1].evidence
    assert proofs[0].ways[0] == proofs[0].evidence  # by its names, on which most is staked
    assert proofs[2].ways[0] < 1 < proofs[2].ways[2] and proofs[2].against[0] > 1
    assert len(proofs[0].ways) == len(proofs[0].against) == len(WAYS)


def test_rounds_are_bet_on_in_their_order_and_the_order_within_a_round_is_not_that_of_the_pool() -> None:
    points, truth = pool(400, d=60)
    good = machine(points, truth)
    turns = np.repeat([1, 0], 25)
    there, back = np.arange(50), np.r_[25:50, 0:25]
    one = prove(points[:50][there], truth[:50][there], 3, good, turns=turns)
    assert one != prove(points[:50], truth[:50], 3, good)
    same = prove(points[:50], truth[:50], 3, good, turns=np.zeros(50, int))
    assert same == prove(points[:50], truth[:50], 3, good)
    assert prove(points[:50][back], truth[:50][back], 3, good, turns=turns[back]).evidence > 10


def test_only_machines_that_help_are_heeded_and_a_copy_adds_nothing() -> None:
    points, truth = pool(400, d=60)
    good, chance = machine(points, truth), machine(points, np.random.default_rng(1).integers(3, size=400))
    found = heed(points[:50], truth[:50], 3, [chance, None, good, good])
    assert found is not None and len(found.used) == 1 and found.used[0] in (2, 3) and found.gain > 0
    assert heed(points[:50], truth[:50], 3, [chance, None]) is None
    assert heed(points[:3], truth[:3], 3, [good]) is None  # before the first bet
    assert heed(points[:50], truth[:50], 3, [good], doubt=1e6) is None
    less = heed(points[:50], truth[:50], 3, [good], doubt=5.0)
    more = heed(points[:50], truth[:50], 3, [good], doubt=2.0)
    assert less is not None and more is not None and more.gain - less.gain == pytest.approx(3.0)
    with pytest.raises(LabelError, match="49 labels for 50 vectors"):
        heed(points[:50], truth[:49], 3, [good])


@pytest.mark.parametrize(
    ("ways", "against", "tried"),
    [
        ((20.0, 0.0, 20.0), (0.0, 0.0, 0.0), {WAYS[0], WAYS[2]}),
        ((20.0, 20.0, 0.0), (0.0, 10.0, 0.0), {WAYS[0]}),  # one over the chance of 0.1 speaks against the second
        ((9.9, 0.0, 10.0), (0.0, 0.0, 9.9), {WAYS[2]}),
    ],
)
def test_only_ways_that_are_proven_and_not_disproven_are_tried(
    monkeypatch: pytest.MonkeyPatch,
    ways: tuple[float, ...],
    against: tuple[float, ...],
    tried: set[tuple[float, float]],
) -> None:
    points, truth = pool(200)
    seen, fit = [], heeded.best_fit

    def watched(rows, start, y, k, way):
        seen.append(way)
        return fit(rows, start, y, k, way)

    monkeypatch.setattr(heeded, "prove", lambda *args, **told: Proof(ways, against))
    monkeypatch.setattr(heeded, "best_fit", watched)
    heed(points[:40], truth[:40], 3, [machine(points, truth)])
    assert {(way.start, way.weight) for way in seen if way.machines} == tried
