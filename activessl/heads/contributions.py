"""How much each label adds to the score of a class: the labels that speak for a prediction, and those against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.units import scaled_rows
from activessl.heads.base import Head
from activessl.heads.calibrate import softmax
from activessl.heads.linear import LogisticHead
from activessl.heads.mixture import AutoHead
from activessl.heads.multilabel import MultiLabelHead
from activessl.heads.similarity import NeighbourHead, PrototypeHead


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each label adds to the score of a class.

    The score of a class is its logit minus the mean logit of the classes with labels; with ``auto`` it is the mean of
    the members' scores, weighted as their probabilities are. ``values.sum() + base`` is the score, if ``exact``.

    Attributes:
        values: (m,) by label; positive where it speaks for the class.
        base: What belongs to no label, such as the share of the class among the labels.
        score: The score of the class.
        exact: Whether the values add up to the score; else they are similarities with a sign, and the score is NaN.
    """

    values: Float[np.ndarray, " m"]
    base: float
    score: float
    exact: bool

    def scaled(self, factor: float) -> Contributions:
        """These contributions times a factor."""
        return Contributions(factor * self.values, factor * self.base, factor * self.score, self.exact)


def contributions(
    head: Head, point: Float[np.ndarray, " d"], points: Float[np.ndarray, "m d"], labels: Any, column: int
) -> Contributions:
    """Divide the score of a class for one item among the labels that the head was taught.

    The weights of a logistic head with an L2 penalty are a sum over its labels (representer theorem): the residual of
    each label divided by the penalty, times its vector. The logit of an item is therefore the sum, over the labels, of
    residual times inner product. A label of the class that is like the item speaks for the class, and a like label of
    another class against it.

    Args:
        head: The head, taught exactly these labels.
        point: The item as the head sees it.
        points: The labeled items as the head sees them.
        labels: (m,) class indices; (m, k) of 1, 0 and -1 (unknown) where an item may have several classes.
        column: The class.

    References:
        Yeh, Kim, Yen & Ravikumar, Representer Point Selection for Explaining Deep Neural Networks, NeurIPS 2018,
        arXiv 1811.09720.

    Example:
        >>> points, labels = np.eye(4), np.array([0, 0, 1, 1])
        >>> head = LogisticHead(classes=(0, 1)).fit(points, labels)
        >>> found = contributions(head, points[0], points, labels, 0)
        >>> int(found.values.argmax()), bool(abs(found.values.sum() - found.score) < 0.01)
        (0, True)
    """
    y = np.asarray(labels)
    if isinstance(head, MultiLabelHead):
        known = y[:, column] >= 0
        found = contributions(head.heads_[column], point, points[known], y[known, column], 1)
        values = np.zeros(len(y))
        values[known] = found.values
        return Contributions(values, found.base, found.score, found.exact)
    x, rows = np.asarray(point, dtype=np.float64)[None], np.asarray(points, dtype=np.float64)
    if isinstance(head, AutoHead):
        parts = [contributions(head.members_[n], point, points, y, column).scaled(w) for n, w in head.weights_.items()]
        return Contributions(
            np.sum([part.values for part in parts], axis=0),
            sum(part.base for part in parts),
            sum(part.score for part in parts),
            all(part.exact for part in parts),
        )
    if isinstance(head, LogisticHead) and head.seen_[column]:
        return _of_logistic(head, x, rows, y, column)
    if isinstance(head, PrototypeHead | NeighbourHead) and head.seen_[column]:
        return _of_likeness(head, x, rows, y, column)
    if isinstance(head, LogisticHead | PrototypeHead | NeighbourHead):  # a class without labels has no score
        return Contributions(np.zeros(len(y)), 0.0, 0.0, True)
    # a head of another package: likeness, with the sign of the label
    alike = (scaled_rows(rows) @ scaled_rows(x).T)[:, 0]
    return Contributions(np.where(y == column, alike, -alike), 0.0, float("nan"), False)


def _of_logistic(
    head: LogisticHead, x: Float[np.ndarray, "1 d"], rows: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"], k: int
) -> Contributions:
    seen = np.flatnonzero(head.seen_)
    if len(seen) == 1:  # such a head has no weights
        return Contributions(np.zeros(len(y)), 0.0, 0.0, True)
    one, all_rows = (np.hstack([scaled_rows(part - head.centre_), np.ones((len(part), 1))]) for part in (x, rows))
    # without the temperature, which the fit does not know
    theta = np.vstack([head.coef_.T, head.intercept_])[:, seen] / head.sharpness_
    residual = (y[:, None] == seen) - softmax(all_rows @ theta)
    weight = (residual[:, seen == k][:, 0] - residual.mean(axis=1)) * (head.sharpness_ / head.penalty_)
    logits = (one @ theta)[0] * head.sharpness_
    return Contributions(weight * (all_rows @ one[0]), 0.0, float(logits[seen == k][0] - logits.mean()), True)


def _of_likeness(
    head: PrototypeHead | NeighbourHead,
    x: Float[np.ndarray, "1 d"],
    rows: Float[np.ndarray, "m d"],
    y: Int[np.ndarray, " m"],
    k: int,
) -> Contributions:
    seen = np.flatnonzero(head.seen_)
    own = (y[:, None] == seen).astype(np.float64)  # (m, s)
    count = own.sum(axis=0)
    cosine = (scaled_rows(rows - head.centre_) @ scaled_rows(x - head.centre_).T)[:, 0]
    sign = own[:, seen == k][:, 0] - 1 / len(seen)
    if isinstance(head, PrototypeHead):
        values = head.sharpness_ * cosine / (own @ (count + head.shrink)) * sign
        return Contributions(values, 0.0, float(values.sum()), True)
    # a class's logit is the logarithm of its votes: what the votes add to that of its share, divided by vote
    near = np.argsort(-cosine, kind="stable")[: head.voters(len(y))]
    vote = np.zeros(len(y))
    vote[near] = np.exp(head.fall * (cosine[near] - 1))
    share = head.share * count / len(y)
    votes = vote @ own
    gain = np.log((share + votes) / share) / np.maximum(votes, 1e-300)
    values = head.sharpness_ * vote * (own @ gain) * sign
    base = head.sharpness_ * (np.log(share[seen == k])[0] - np.log(share).mean())
    return Contributions(values, float(base), float(values.sum() + base), True)
