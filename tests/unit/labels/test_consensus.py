from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import LabelError
from activessl.labels.consensus import consensus, suspects
from activessl.labels.doubts import label_doubts


def crowd(rates: tuple[float, ...], n: int = 600, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    wrong = rng.random((n, len(rates))) > np.array(rates)
    return truth, np.where(wrong, (truth[:, None] + rng.integers(1, k, wrong.shape)) % k, truth[:, None])


def majority(answers: np.ndarray, k: int) -> np.ndarray:
    return np.stack([(answers == c).sum(axis=1) for c in range(k)], axis=1).argmax(axis=1)


def test_reliable_annotators_outvote_careless_ones() -> None:
    truth, answers = crowd((0.95, 0.9, 0.4, 0.4, 0.4))
    found = consensus(answers, 4)
    assert np.mean(found.labels == truth) > np.mean(majority(answers, 4) == truth) + 0.05
    np.testing.assert_allclose(found.reliability, [0.95, 0.9, 0.4, 0.4, 0.4], atol=0.08)


def test_probabilities_and_confusions_are_distributions_also_where_answers_lack() -> None:
    _, answers = crowd((0.9, 0.7, 0.6))
    answers[np.random.default_rng(1).random(answers.shape) < 0.7] = -1
    answers[0] = -1
    found = consensus(answers, 5)  # one class that nobody ever named
    np.testing.assert_allclose(found.probs.sum(axis=1), 1)
    np.testing.assert_allclose(found.confusion.sum(axis=2), 1)
    assert found.labels[0] == -1 and not found.answered[0]
    assert np.all(found.labels != 4)


def test_a_single_annotator_is_believed() -> None:
    _, answers = crowd((0.9,))
    np.testing.assert_array_equal(consensus(answers, 4).labels, answers[:, 0])


def test_what_is_known_of_an_item_decides_a_tie() -> None:
    answers = np.tile([[0, 1]], (20, 1))
    prior = np.tile([[0.2, 0.8]], (20, 1))
    assert np.all(consensus(answers, 2, prior=prior).labels == 1)


def test_annotators_in_another_order_are_judged_alike() -> None:
    _, answers = crowd((0.9, 0.6, 0.5))
    here, there = consensus(answers, 4), consensus(answers[:, ::-1], 4)
    np.testing.assert_allclose(here.probs, there.probs, atol=1e-9)
    np.testing.assert_allclose(here.reliability, there.reliability[::-1], atol=1e-9)


@pytest.mark.parametrize(("answers", "k", "more"), [
    (np.full((3, 2), -1), 2, {}), (np.array([[0, 2]]), 2, {}), (np.array([[0, -2]]), 2, {}), (np.array([0, 1]), 2, {}),
    (np.array([[0.5]]), 2, {}), (np.array([[0]]), 1, {}), (np.array([[0]]), 2, {"prior": np.ones((2, 2))}),
    (np.array([[0]]), 2, {"prior": np.array([[np.nan, 1]])}),
])  # fmt: skip
def test_answers_that_cannot_be_read_are_refused(answers: np.ndarray, k: int, more: dict) -> None:
    with pytest.raises(LabelError):
        consensus(answers, k, **more)


def test_flipped_labels_are_suspected_and_few_others() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 900)
    probs = 0.8 * np.eye(3)[truth] + 0.2 * rng.dirichlet(np.ones(3), 900)
    given = truth.copy()
    flipped = rng.choice(900, 60, replace=False)
    given[flipped] = (given[flipped] + 1) % 3
    found = suspects(probs, given)
    assert set(found) <= set(flipped) and len(found) > 30
    gap = probs[found].max(axis=1) - probs[found, given[found]]
    assert np.all(np.diff(gap) <= 0)


def test_a_class_that_the_head_is_always_too_sure_of_does_not_draw_suspicion() -> None:
    probs = np.array([[0.95, 0.05]] * 10 + [[0.6, 0.4]] * 10)
    assert len(suspects(probs, np.repeat([0, 1], 10))) == 0


def test_a_class_that_no_label_bears_is_not_what_another_should_have_been() -> None:
    probs = np.array([[0.3, 0.1, 0.6], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.9, 0.1, 0.0]])
    assert suspects(probs, np.array([0, 0, 1, 1])).tolist() == [3]


def test_the_only_label_of_a_class_is_not_doubted_because_nobody_else_shows_it() -> None:
    left_out = np.array([[0.9, 0.09, 0.01]] * 3 + [[0.09, 0.9, 0.01]] * 3 + [[0.98, 0.01, 0.01]])
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    doubts = label_doubts(labels[:, None], labels, left_out)
    assert doubts.max() < 0.5
    wrong = label_doubts(np.append(labels, 2)[:, None], np.append(labels, 2), np.vstack([left_out, left_out[-1]]))
    assert wrong[-1] > 0.5  # of two, each shows the other


def test_no_labels_give_no_suspects_and_odd_ones_are_refused() -> None:
    assert len(suspects(np.empty((0, 3)), np.empty(0, dtype=int))) == 0
    with pytest.raises(LabelError):
        suspects(np.ones((2, 2)) / 2, np.array([0, 2]))
    with pytest.raises(LabelError):
        suspects(np.ones((2, 2)) / 2, np.array([0]))
