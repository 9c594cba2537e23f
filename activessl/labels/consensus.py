"""Merge several answers per item by the reliability of the annotators, and find suspect labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activessl.errors import LabelError
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # not needed where each item has one answer

#: In a table of answers: this annotator gave no answer about this item.
NO_ANSWER = -1


@dataclass(frozen=True, eq=False)
class Consensus:
    """The labels that several people's answers amount to, with estimates of their reliability.

    Attributes:
        probs: (n, k) probability of each class of each item; without answers, the prior or the class shares.
        confusion: (a, k, k) for each annotator, the probability of answer column j where row i is the true class.
        reliability: (a,) probability of a right answer, averaged over the class shares, in [0, 1].
        shares: (k,) the estimated shares of the classes.
        answered: (n,) True where the item has an answer.
    """

    probs: Float[np.ndarray, "n k"]
    confusion: Float[np.ndarray, "a k k"]
    reliability: Float[np.ndarray, " a"]
    shares: Float[np.ndarray, " k"]
    answered: Bool[np.ndarray, " n"]

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """(n,) the most likely class; -1 for an item without answers."""
        return np.asarray(np.where(self.answered, self.probs.argmax(axis=1), NO_ANSWER))


def consensus(
    answers: Int[np.ndarray, "n a"],
    n_classes: int,
    *,
    prior: Float[np.ndarray, "n k"] | None = None,
    strength: float = 4.0,
    iterations: int = 50,
) -> Consensus:
    """Estimate the true classes and the annotators' reliability together, by expectation maximization.

    Each annotator has a confusion matrix. With few answers, it is shrunk toward the matrix of a common annotator (the
    mean of all), and the common matrix is shrunk toward evenly spread errors. So one answer of a new annotator counts
    as much as one of a common annotator.

    Args:
        answers: One row per item, one column per annotator; class indices, or -1 without an answer.
        n_classes: k, >= 2.
        prior: Prior probabilities of each item, such as a head's out-of-sample probabilities; by default the class
            shares.
        strength: Weight of the common annotator, in answers per class, > 0.
        iterations: Largest number of iterations; they end when no probability changes by 1e-4 or more.

    Raises:
        LabelError: No answers, classes out of range, or a prior of another shape or below zero.

    References:
        Dawid & Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
        Statistics 1979.
        Goh, Tkachenko & Mueller, CROWDLAB, 2022, arXiv 2210.06812, for the head as one more annotator.

    Example:
        >>> careful, careless = [0, 0, 1, 1, 0, 1], [1, 0, 0, 1, 1, 0]
        >>> found = consensus(np.array([careful, careful, careless]).T, 2)
        >>> found.labels.tolist(), bool(found.reliability[0] > found.reliability[2])
        ([0, 0, 1, 1, 0, 1], True)
    """
    table, k = _table(answers, n_classes), n_classes
    n, a = table.shape
    item, who = np.nonzero(table >= 0)
    said = table[item, who]
    answered = np.zeros(n, dtype=bool)
    answered[item] = True
    known = None
    if prior is not None:
        known = np.asarray(prior, dtype=np.float64)
        if known.shape != (n, k) or not np.all(np.isfinite(known)) or np.any(known < 0):
            raise LabelError(
                f"the prior has shape {known.shape} for {n} items and {k} classes, or negative or infinite values",
                hint="pass one row of probabilities for each item",
            )
        known = np.maximum(known, 1e-6)
        known /= known.sum(axis=1, keepdims=True)

    votes = np.zeros((n, k))
    np.add.at(votes, (item, said), 1.0)
    probs = (votes + 1.0 / k) / (votes.sum(axis=1, keepdims=True) + 1.0)
    pair = who * k + said
    shares, confusion = np.full(k, 1.0 / k), np.zeros((a, k, k))
    even = newcomer(k)
    for _ in range(iterations):
        # counts[w, answer, truth], transposed so that rows are true classes
        counts = np.zeros((a * k, k))
        np.add.at(counts, pair, probs[item])
        counts = counts.reshape(a, k, k).transpose(0, 2, 1)
        common = counts.sum(axis=0) + even * k
        common /= common.sum(axis=1, keepdims=True)
        confusion = counts + strength * common
        confusion /= confusion.sum(axis=2, keepdims=True)
        shares = probs[answered].sum(axis=0) + 1.0
        shares /= shares.sum()

        now = _posterior(table, confusion, np.tile(shares, (n, 1)) if known is None else known)
        moved = float(np.abs(now - probs).max())
        probs = now
        if moved < 1e-4:
            break
    right = np.einsum("wtt,t->w", confusion, shares)
    return Consensus(probs, confusion, np.clip(right, 0.0, 1.0), shares, answered)


def newcomer(n_classes: int) -> Float[np.ndarray, "k k"]:
    """The assumed confusion matrix of a new annotator: mostly right, with evenly spread errors."""
    return np.asarray(np.full((n_classes, n_classes), 0.3 / n_classes) + 0.7 * np.eye(n_classes))


def weigh(
    answers: Int[np.ndarray, "n a"], confusion: Float[np.ndarray, "a k k"], shares: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "n k"]:
    """Class probabilities of items from answers, with confusion matrices that are already known, as from ``consensus``.

    Args:
        answers: One row per item, one column per annotator; class indices, or -1 without an answer.
        confusion: For each annotator, the probability of answer column j where row i is the true class, > 0.
        shares: The shares of the classes, > 0.

    Raises:
        LabelError: No answers, or classes out of range.

    Example:
        >>> one = newcomer(2)
        >>> weigh(np.array([[0, 1, 1]]), np.stack([one, one, one]), np.array([0.5, 0.5])).argmax(axis=1).tolist()
        [1]
    """
    table = _table(answers, len(shares))
    return _posterior(table, np.asarray(confusion), np.tile(shares, (len(table), 1)))


def suspects(
    probs: Float[np.ndarray, "m k"], labels: Int[np.ndarray, " m"], *, margin: float = 0.0
) -> Int[np.ndarray, " s"]:
    """Find suspect labels, the most suspect first.

    A label is suspect if, by out-of-sample probabilities, another class is more likely than the given one, and at least
    as likely as on average for the items labeled as that class. Without a threshold per class, a head that is
    underconfident or overconfident for a class would suspect all or none of its labels.

    Args:
        probs: Probabilities of a head that was not taught the label of the row, such as cross-validated ones.
        labels: The given class indices.
        margin: The least difference between the probabilities of the other and the given class, in [0, 1).

    Returns:
        Rows, by falling difference between the probability of the most likely other class and of the given class.

    Raises:
        LabelError: Shapes that do not fit together, or classes out of range.

    References:
        Northcutt, Jiang & Chuang, Confident Learning, JAIR 2021, arXiv 1911.00068.

    Example:
        >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> suspects(probs, np.array([0, 0, 1, 1, 1])).tolist()
        [4]
    """
    p, y = np.asarray(probs, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != (len(p),) or not np.all(np.isfinite(p)):
        raise LabelError(
            f"probabilities of shape {p.shape} do not fit labels of shape {y.shape}, or are not finite",
            hint="pass one row of finite probabilities for each label",
        )
    if not len(y):
        return np.empty(0, dtype=np.int64)
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise LabelError(
            f"labels range from {y.min()} to {y.max()} for {p.shape[1]} classes",
            hint=f"use class indices from 0 to {p.shape[1] - 1}",
        )
    rows = np.arange(len(y))
    own = p[rows, y]
    count = np.bincount(y, minlength=p.shape[1])
    # a class without labels is never the suggested correction
    usual = np.where(count > 0, np.bincount(y, own, p.shape[1]) / np.maximum(count, 1), np.inf)
    others = np.where(p >= usual, p, -1.0)
    others[rows, y] = -1.0
    gap = others.max(axis=1) - own
    found = np.flatnonzero(gap > margin)
    return np.asarray(found[np.argsort(-gap[found], kind="stable")])


def _posterior(
    table: Int[np.ndarray, "n a"], confusion: Float[np.ndarray, "a k k"], prior: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, "n k"]:
    item, who = np.nonzero(table >= 0)
    logs = np.log(prior)
    np.add.at(logs, item, np.log(confusion)[who, :, table[item, who]])
    logs -= logs.max(axis=1, keepdims=True)
    probs = np.exp(logs)
    return np.asarray(probs / probs.sum(axis=1, keepdims=True))


def _table(answers: Int[np.ndarray, "n a"], k: int) -> Int[np.ndarray, "n a"]:
    table = np.asarray(answers)
    if table.ndim != 2 or not np.issubdtype(table.dtype, np.integer) or not np.any(table >= 0):
        raise LabelError(
            f"the table of answers has shape {table.shape} and type {table.dtype}, or no answers",
            hint="pass whole numbers, one row per item and one column per annotator, with -1 for no answer",
        )
    if k < 2 or table.max() >= k or table.min() < NO_ANSWER:
        raise LabelError(
            f"answers range from {table.min()} to {table.max()} for {k} classes",
            hint="use at least 2 classes, indices from 0, and -1 for no answer",
        )
    return table.astype(np.int64)
