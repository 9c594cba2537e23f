"""People err: several answers an item weighed by how reliable their givers are, and labels that look wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activessl.errors import LabelError
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # one answer an item needs no arithmetic

#: No answer by this annotator to this item, in a table of answers.
NO_ANSWER = -1


@dataclass(frozen=True, eq=False)
class Consensus:
    """What several people's answers say together.

    Attributes:
        probs: (n, k) probability of each class of each item; uniform over the class shares where nobody answered.
        confusion: (a, k, k) for each annotator, the probability of answering the column when the row is the truth.
        reliability: (a,) probability of a right answer, over the class shares, in [0, 1].
        shares: (k,) the classes' estimated shares.
        answered: (n,) True where there is an answer.
    """

    probs: Float[np.ndarray, "n k"]
    confusion: Float[np.ndarray, "a k k"]
    reliability: Float[np.ndarray, " a"]
    shares: Float[np.ndarray, " k"]
    answered: Bool[np.ndarray, " n"]

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """(n,) the most likely class; -1 where nobody answered."""
        return np.asarray(np.where(self.answered, self.probs.argmax(axis=1), NO_ANSWER))


def consensus(
    answers: Int[np.ndarray, "n a"],
    n_classes: int,
    *,
    prior: Float[np.ndarray, "n k"] | None = None,
    strength: float = 4.0,
    iterations: int = 50,
) -> Consensus:
    """Estimate truth and annotators together, by expectation maximisation.

    Each annotator has a confusion matrix. With few answers it is drawn towards that of a common annotator (the mean of
    all), and that towards one who errs evenly, so that one answer of a newcomer counts like anybody's.

    Args:
        answers: A row an item, a column an annotator; class indices, or -1 where there is no answer.
        n_classes: k, >= 2.
        prior: What is known of each item besides, such as a head's out-of-sample probabilities; the class shares
            if not given.
        strength: How many answers in each class the common annotator is worth, > 0.
        iterations: At most; it ends when no probability moves by more than 1e-4.

    Raises:
        LabelError: No answers at all, classes out of range, or a prior of another shape or below zero.

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
            raise LabelError(f"a prior of shape {known.shape} for {n} items", hint="pass one row of probabilities each")
        known = np.maximum(known, 1e-6)
        known /= known.sum(axis=1, keepdims=True)

    votes = np.zeros((n, k))
    np.add.at(votes, (item, said), 1.0)
    probs = (votes + 1.0 / k) / (votes.sum(axis=1, keepdims=True) + 1.0)
    pair = who * k + said
    shares, confusion = np.full(k, 1.0 / k), np.zeros((a, k, k))
    even = newcomer(k)
    for _ in range(iterations):
        # counts[w, answer, truth], turned so that rows are truths
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
    """The confusion of an annotator of whom nothing is known: mostly right, and erring evenly."""
    return np.asarray(np.full((n_classes, n_classes), 0.3 / n_classes) + 0.7 * np.eye(n_classes))


def weigh(
    answers: Int[np.ndarray, "n a"], confusion: Float[np.ndarray, "a k k"], shares: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "n k"]:
    """Class probabilities of items by the answers of annotators who are known already, as by ``consensus``.

    Args:
        answers: A row an item, a column an annotator; class indices, or -1 where there is no answer.
        confusion: For each annotator, the probability of answering the column when the row is the truth, > 0.
        shares: The classes' shares, > 0.

    Raises:
        LabelError: No answers at all, or classes out of range.

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
    """Labels that look wrong, the most suspicious first.

    A label is suspect if out-of-sample probabilities find another class more likely, and at least as likely as that
    class usually is for items that bear its label. The threshold by class keeps a head that is unsure of a class, or
    too sure of it, from suspecting all or none of its labels.

    Args:
        probs: Probabilities by a head that was not taught the label of the row, such as cross-validated ones.
        labels: Given class indices.
        margin: By how much the other class must be more likely, in [0, 1).

    Returns:
        Rows, by falling difference of the most likely other class's and the given class's probability.

    Raises:
        LabelError: Shapes that do not belong together, or classes out of range.

    References:
        Northcutt, Jiang & Chuang, Confident Learning, JAIR 2021, arXiv 1911.00068.

    Example:
        >>> probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> suspects(probs, np.array([0, 0, 1, 1, 1])).tolist()
        [4]
    """
    p, y = np.asarray(probs, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != (len(p),) or not np.all(np.isfinite(p)):
        raise LabelError(f"{p.shape} probabilities and {y.shape} labels", hint="pass one row of probabilities a label")
    if not len(y):
        return np.empty(0, dtype=np.int64)
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise LabelError(f"labels from {y.min()} to {y.max()} with {p.shape[1]} classes", hint="number classes from 0")
    rows = np.arange(len(y))
    own = p[rows, y]
    count = np.bincount(y, minlength=p.shape[1])
    # a class without labels cannot be what another label should have been
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
            f"answers of shape {table.shape} and type {table.dtype}, or none at all",
            hint="pass a row an item and a column an annotator, with -1 for no answer",
        )
    if k < 2 or table.max() >= k or table.min() < NO_ANSWER:
        raise LabelError(
            f"answers from {table.min()} to {table.max()} with {k} classes", hint="number the classes from 0"
        )
    return table.astype(np.int64)
