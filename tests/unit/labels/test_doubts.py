"""Doubts mean what they say: of labels called wrong with probability p, about p are."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.errors import LabelError
from activessl.heads.leave_one_out import left_out_probs
from activessl.labels.doubts import label_doubts


def made(rng: np.random.Generator, n: int, mistakes: float, k: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors that overlap a little, their classes as one person gave them, and which of these are wrong."""
    truth = rng.integers(0, k, n)
    x = 2.5 * np.eye(k, 12)[truth] + rng.normal(size=(n, 12))
    wrong = rng.random(n) < mistakes
    return x, np.where(wrong, (truth + rng.integers(1, k, n)) % k, truth), wrong


def many(n: int, mistakes: float, projects: int = 30) -> tuple[np.ndarray, np.ndarray]:
    doubts, wrong = [], []
    for seed in range(projects):
        x, said, bad = made(np.random.default_rng([seed, n]), n, mistakes)
        doubts.append(label_doubts(said[:, None], said, left_out_probs(x, said, 4)))
        wrong.append(bad)
    return np.concatenate(doubts), np.concatenate(wrong)


@pytest.mark.parametrize("n", [40, 80, 300])
def test_correct_labels_are_hardly_ever_suspect(n: int) -> None:
    doubts, _ = many(n, 0.0)
    assert np.mean(doubts > 0.5) < 0.015 and doubts.mean() < 0.04


@pytest.mark.parametrize(("n", "mistakes"), [(80, 0.1), (300, 0.03), (300, 0.1), (300, 0.2)])
def test_of_labels_called_wrong_with_probability_p_about_p_are(n: int, mistakes: float) -> None:
    doubts, wrong = many(n, mistakes)
    high = doubts > 0.5
    assert abs(doubts[high].mean() - wrong[high].mean()) < 0.12
    assert abs(doubts.mean() - wrong.mean()) < 0.04
    assert wrong[high].sum() > 0.4 * wrong.sum()  # most mistakes that can be seen are found
    low = doubts < 0.05
    assert wrong[low].mean() < 0.05


def test_a_careless_annotator_is_doubted_more_than_a_careful_one() -> None:
    rng = np.random.default_rng(0)
    x, truth, _ = made(rng, 300, 0.0)
    table = np.full((300, 2), -1)
    table[:150, 0], table[150:, 1] = truth[:150], truth[150:]
    careless = np.flatnonzero(rng.random(300) < 0.4)
    careless = careless[careless >= 150]
    table[careless, 1] = (truth[careless] + 1) % 4
    said = table.max(axis=1)
    doubts = label_doubts(table, said, left_out_probs(x, said, 4))
    both = label_doubts(said[:, None], said, left_out_probs(x, said, 4))  # as if one person had given all
    right = np.setdiff1d(np.arange(300), careless)
    ours, theirs = right[right < 150], right[right >= 150]
    assert doubts[ours].mean() < both[ours].mean() and doubts[ours].mean() < 0.5 * doubts[theirs].mean()
    assert doubts[careless].mean() > both[careless].mean()


def test_a_second_person_who_agrees_removes_a_doubt_and_one_who_does_not_adds_one() -> None:
    x, said, wrong = made(np.random.default_rng(3), 200, 0.1)
    left_out = left_out_probs(x, said, 4)
    alone = label_doubts(said[:, None], said, left_out)
    doubted = int(np.argmax(np.where(wrong, alone, 0)))
    agrees, differs = np.full(200, -1), np.full(200, -1)
    agrees[doubted], differs[doubted] = said[doubted], left_out[doubted].argmax()
    assert label_doubts(np.stack([said, agrees], axis=1), said, left_out)[doubted] < alone[doubted] - 0.1
    assert label_doubts(np.stack([said, differs], axis=1), said, left_out)[doubted] > alone[doubted]


def test_the_only_label_of_a_class_is_not_doubted_for_being_alone() -> None:
    x, said, _ = made(np.random.default_rng(0), 60, 0.0)
    said[7] = 4
    doubts = label_doubts(said[:, None], said, left_out_probs(x, said, 5))
    assert doubts[7] < 0.1


@pytest.mark.parametrize("answers", [[[0], [5]], [[0], [-2]], [[0]], [0, 1]])
def test_answers_that_do_not_fit_are_refused(answers: list) -> None:
    with pytest.raises(LabelError):
        label_doubts(np.array(answers), np.array([0, 1]), np.full((2, 2), 0.5))
