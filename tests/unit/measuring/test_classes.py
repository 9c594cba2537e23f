"""The quality of each class: adds up to the accuracy, holds as often as it says, claims nothing unseen."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.measuring.quality.audit import audit_accuracy
from activessl.measuring.quality.classes import (
    ClassQuality,
    audit_classes,
    class_counts,
    mean_recall,
    quality_of_counts,
    weakest,
)

RNG = np.random.default_rng(0)


def model(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Finds 95 % of the common class and 60 % of each of the rare ones."""
    found = rng.random(len(truth)) < np.array([0.95, 0.6, 0.6])[truth]
    return np.where(found, truth, (truth + 1) % 3)


@pytest.mark.parametrize("with_known", [False, True])
def test_what_is_found_of_the_classes_adds_up_to_the_accuracy(with_known: bool) -> None:
    truth = RNG.choice(3, size=200, p=[0.8, 0.15, 0.05])
    said = model(truth, RNG)
    chance, rounds = RNG.uniform(0.05, 0.9, 200), RNG.integers(1, 6, 200)
    y, p = RNG.choice(3, size=300, p=[0.4, 0.3, 0.3]), RNG.choice(3, size=300)
    share = RNG.uniform(0, 0.6, 200) if with_known else np.zeros(200)
    tables = np.tile(class_counts(y, p, 3) / 300, (200, 1, 1))
    right = np.full(200, np.mean(y == p))
    audit = audit_accuracy(truth == said, chance, rounds=rounds, known=(share, right))
    qualities = audit_classes(truth, said, chance, 3, rounds=rounds, known=(share, tables))

    # how often each class is there, estimated alike
    present = [
        audit_accuracy(truth == k, chance, rounds=rounds, known=(share, np.full(200, np.mean(y == k)))).accuracy
        for k in range(3)
    ]
    found = [q.recall.share for q in qualities if q.recall is not None]
    assert np.dot(present, found) == pytest.approx(audit.accuracy)


def test_intervals_of_a_rare_class_hold_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(3, size=20_000, p=[0.85, 0.1, 0.05])
    said = model(truth, rng)
    real = quality_of_counts(class_counts(truth, said, 3))
    chance = np.where(rng.random(20_000) < 0.5, 0.004, 0.012)  # two rounds of another size, say
    held = np.zeros((3, 2))
    runs = 400
    for _ in range(runs):
        drawn = rng.random(20_000) < chance
        for k, quality in enumerate(audit_classes(truth[drawn], said[drawn], chance[drawn], 3)):
            for j, (share, right) in enumerate(
                [(quality.recall, real[k].recall), (quality.precision, real[k].precision)]
            ):
                assert right is not None
                held[k, j] += share is None or share.low <= right.share <= share.high
    assert np.all(held / runs > 0.85), held / runs


def test_a_class_that_no_random_label_has_is_not_measured() -> None:
    tables = np.full((20, 3, 3), 0.3)  # among the labels of before it is there
    truth = np.zeros(20, dtype=int)
    first, second, third = audit_classes(truth, truth, np.full(20, 0.2), 3, known=(np.full(20, 0.4), tables))
    assert first.recall is not None and first.recall.items == 20
    assert second == third == ClassQuality(None, None)
    assert mean_recall([first, second]) is None and weakest([second]) is None and weakest([]) is None


def test_all_right_is_no_certainty_and_few_items_say_little() -> None:
    few, many = quality_of_counts(np.array([[3, 3, 3], [300, 300, 300]]))
    assert few.recall is not None and many.recall is not None
    assert few.recall.share == many.recall.share == 1.0
    assert few.recall.low < 0.6 < 0.98 < many.recall.low
    assert mean_recall([few, many]) == 1.0


def test_several_classes_an_item_and_what_is_not_known() -> None:
    truth = np.array([[1, 0], [1, 1], [-1, 1], [0, 0]])
    said = np.array([[1, 1], [0, 1], [1, 1], [1, 0]])
    assert class_counts(truth, said, 2).tolist() == [[2, 2, 1], [2, 3, 2]]


def test_what_is_kept_is_what_was_measured() -> None:
    for quality in quality_of_counts(np.array([[3, 2, 1], [0, 2, 0], [0, 0, 0]])):
        assert ClassQuality.from_dict(quality.to_dict()) == quality


def test_accepted_wrong_suggestions_may_hide_what_the_model_misses() -> None:
    """Sixty of a hundred wrong suggestions are accepted: the labels show two fifths of the mistakes."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 4_000)
    said = np.where(rng.random(4_000) < np.where(truth == 1, 0.3, 0.1), 1 - truth, truth)
    accepted = (said != truth) & (rng.random(4_000) < 0.6)
    label, chance = np.where(accepted, said, truth), np.full(4_000, 0.1)
    trusted = audit_classes(label, said, chance, 2)
    widened = audit_classes(label, said, chance, 2, shown=np.ones(4_000, dtype=bool))
    blind = audit_classes(label, said, chance, 2, shown=np.zeros(4_000, dtype=bool))
    assert blind == trusted
    for k in range(2):
        has, put = truth == k, said == k
        for name, of in (("recall", has), ("precision", put)):
            true = float((has & put).sum() / of.sum())
            before, now = getattr(trusted[k], name), getattr(widened[k], name)
            assert before.low > true + 0.02, "without the assumption the interval misses"
            assert now.low == pytest.approx(true, abs=0.025) and now.high == before.high and now.share == before.share


def test_labels_of_other_items_do_not_widen_where_nothing_was_corrected() -> None:
    truth = np.arange(100) % 2
    assert audit_classes(truth, truth, np.full(100, 0.1), 2, shown=np.ones(100, dtype=bool)) == audit_classes(
        truth, truth, np.full(100, 0.1), 2
    )
