from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import MeasureError
from activessl.measuring.quality.audit import audit_accuracy


@pytest.mark.parametrize(("truth", "labels"), [(0.95, 40), (0.8, 40), (0.9, 120)])
def test_the_interval_holds_the_truth_at_its_level(truth: float, labels: int) -> None:
    rng = np.random.default_rng(0)
    pool = rng.random(5000) < truth
    hits = []
    for _ in range(400):
        drawn = rng.choice(5000, labels, replace=False)
        found = audit_accuracy(pool[drawn], np.full(labels, labels / 5000))
        hits.append(found.low <= pool.mean() <= found.high)
    assert 0.85 <= np.mean(hits) <= 0.96


def test_items_that_are_drawn_more_often_do_not_bend_the_estimate() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(4000) < 0.3
    right = ~hard | (rng.random(4000) < 0.3)
    chance = np.where(hard, 0.12, 0.03)  # hard items are drawn four times as often
    plain, weighed, hits = [], [], []
    for _ in range(300):
        drawn = rng.random(4000) < chance
        found = audit_accuracy(right[drawn], chance[drawn])
        plain.append(right[drawn].mean())
        weighed.append(found.accuracy)
        hits.append(found.low <= right.mean() <= found.high)
    assert abs(np.mean(weighed) - right.mean()) < 0.01
    assert abs(np.mean(plain) - right.mean()) > 0.1
    assert np.mean(hits) >= 0.85


def test_all_right_does_not_mean_certain() -> None:
    found = audit_accuracy(np.ones(20, dtype=bool), np.full(20, 0.1))
    assert found.accuracy == 1.0 and 0.85 < found.low < 0.95 and found.high == 1.0


def test_rounds_of_different_size_count_by_their_labels() -> None:
    right = np.r_[np.zeros(5), np.ones(45)].astype(bool)
    chance, rounds = np.r_[np.full(5, 0.005), np.full(45, 0.045)], np.r_[np.zeros(5), np.ones(45)].astype(int)
    assert audit_accuracy(right, chance).accuracy == pytest.approx(0.5)
    found = audit_accuracy(right, chance, rounds=rounds)
    assert found.accuracy == pytest.approx(0.9) and found.effective == pytest.approx(50)


def test_draws_from_what_a_strategy_left_do_not_flatter_the_head() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(2000) < np.repeat([0.2, 0.9], [400, 1600])  # the hard items were asked first
    plain, corrected, hits = [], [], []
    for _ in range(300):
        drawn = rng.choice(np.arange(400, 2000), 60, replace=False)
        chance = np.full(60, 60 / 1600)
        known = np.full(60, 400 / 2000), np.full(60, right[:400].mean())
        found = audit_accuracy(right[drawn], chance, known=known)
        plain.append(audit_accuracy(right[drawn], chance).accuracy)
        corrected.append(found.accuracy)
        hits.append(found.low <= right.mean() <= found.high)
    assert abs(np.mean(corrected) - right.mean()) < 0.01 < 0.1 < np.mean(plain) - right.mean()
    assert np.mean(hits) >= 0.9


@pytest.mark.parametrize("known", [(np.full(20, 1.1), np.zeros(20)), (np.zeros(20), np.full(20, np.nan))])
def test_an_impossible_known_share_is_refused(known: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(MeasureError, match="known share"):
        audit_accuracy(np.ones(20, dtype=bool), np.full(20, 0.1), known=known)
    with pytest.raises(MeasureError, match="known shares"):
        audit_accuracy(np.ones(20, dtype=bool), np.full(20, 0.1), known=(known[0][:5], known[1][:5]))


def test_too_few_random_labels_give_no_figure() -> None:
    with pytest.raises(MeasureError, match="9 random labels are too few"):
        audit_accuracy(np.ones(9, dtype=bool), np.full(9, 0.1))


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.1, np.nan])
def test_an_impossible_propensity_is_refused(chance: float) -> None:
    with pytest.raises(MeasureError, match="propensity"):
        audit_accuracy(np.ones(20, dtype=bool), np.full(20, chance))
    with pytest.raises(MeasureError):
        audit_accuracy(np.ones(20, dtype=bool), np.full(19, 0.1))
    with pytest.raises(MeasureError):
        audit_accuracy(np.ones(20, dtype=bool), np.full(20, 0.1), level=1.0)


def test_ten_labels_are_enough_and_a_pool_may_be_all_known_or_set_aside() -> None:
    ten, chance = np.ones(10, dtype=bool), np.full(10, 0.1)
    assert audit_accuracy(ten, chance).labels == 10
    found = audit_accuracy(ten, chance, known=(np.full(10, 0.6), np.full(10, 0.5)), aside=np.full(10, 0.4))
    assert (
        found.accuracy == pytest.approx(0.5) and found.least == pytest.approx(0.3) and found.most == pytest.approx(0.7)
    )
    with pytest.raises(MeasureError, match="known share"):
        audit_accuracy(ten, chance, known=(np.full(10, 0.6), np.full(10, 0.5)), aside=np.full(10, 0.41))
