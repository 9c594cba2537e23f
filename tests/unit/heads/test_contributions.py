"""What each label adds to a score, against the heads' own probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from activessl.heads.contributions import contributions
from activessl.heads.registry import make_head
from activessl.labels.several_classes import SEVERAL


def sample(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=40)
    return rng.normal(size=(3, 8))[y] + 0.8 * rng.normal(size=(40, 8)), y


@pytest.mark.parametrize("name", ["logistic", "neighbours", "prototype"])
def test_the_labels_add_up_to_the_logit_of_the_head(name: str) -> None:
    points, y = sample()
    head = make_head(name, 3).fit(points[:30], y[:30])
    for point in points[30:34]:
        # the logarithm of a softmax is the logit up to a constant, which the mean over the classes takes away
        logits = np.log(head.predict_proba(point[None])[0].astype(np.float64))
        for column in range(3):
            found = contributions(head, point, points[:30], y[:30], column)
            wanted = logits[column] - logits.mean()
            assert found.score == pytest.approx(wanted, abs=1e-3)
            assert found.values.sum() + found.base == pytest.approx(wanted, abs=0.02)


def test_the_mixture_is_the_weighted_mean_of_its_members() -> None:
    points, y = sample()
    head = make_head("auto", 3).fit(points[:30], y[:30])
    found = contributions(head, points[30], points[:30], y[:30], 1)
    parts = [
        weight * contributions(head.members_[name], points[30], points[:30], y[:30], 1).values
        for name, weight in head.weights_.items()
    ]
    assert np.allclose(found.values, np.sum(parts, axis=0))
    assert found.exact


def test_a_like_label_speaks_for_its_class_and_against_the_others() -> None:
    points = np.repeat(np.eye(3), 4, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(12, 3))
    y = np.repeat([0, 1, 2], 4)
    for name in ("logistic", "neighbours", "prototype", "auto"):
        head = make_head(name, 3).fit(points, y)
        near_first = contributions(head, np.eye(3)[0], points, y, 0).values
        assert set(y[np.argsort(-near_first)[:3]]) == {0}, name
        assert (near_first[y == 0] >= 0).all(), name
        assert (near_first[y == 0] > 0).sum() >= 3, name  # few labels have few neighbors that vote
        # the same labels, asked about another class
        assert (contributions(head, np.eye(3)[0], points, y, 1).values[y == 0] <= 0).all(), name


def test_a_class_of_several_is_explained_by_its_own_labels_only() -> None:
    points, y = sample()
    table = np.stack([y == 0, y > 0], axis=1).astype(int)
    table[:5, 1] = -1  # not asked about
    head = make_head("logistic", 2, 0, SEVERAL).fit(points, table)
    found = contributions(head, points[7], points, table, 1)
    assert (found.values[:5] == 0).all()
    p = float(head.predict_proba(points[7:8])[0, 1])
    assert 2 * found.score == pytest.approx(np.log(p / (1 - p)), abs=0.01)


def test_a_class_without_labels_and_a_single_class_have_no_score() -> None:
    points, y = sample()
    assert contributions(make_head("auto", 4).fit(points, y), points[0], points, y, 3).score == 0
    alone = contributions(make_head("logistic", 3).fit(points[:2], np.zeros(2, int)), points[0], points[:2], y[:2], 0)
    assert alone.score == 0 and not alone.values.any()


def test_another_head_is_explained_by_likeness_and_says_that_it_does_not_add_up() -> None:
    from sklearn.linear_model import LogisticRegression

    points, y = sample()
    found = contributions(LogisticRegression().fit(points, y), points[0], points, y, int(y[0]))
    assert not found.exact and np.isnan(found.score)
    assert found.values[0] == pytest.approx(1.0)
    assert (found.values[y != y[0]] == -contributions_of_likeness(points)[y != y[0]]).all()


def contributions_of_likeness(points: np.ndarray) -> np.ndarray:
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit @ unit[0]
