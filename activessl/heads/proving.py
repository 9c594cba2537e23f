"""Whether a machine helps: a bet on each label of a person, placed before the label is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.penalty import MOST_CHOOSING
from activessl.heads.softmax import span
from activessl.heads.students import Student
from activessl.heads.ways import WAYS, Way, best_fit, inputs_of, start_of

#: Probability with which a machine is ever heeded that makes the head right more often at no label.
CHANCE = 0.1
#: Parts of the wealth that are bet on each label; the result is the mean over them, so that none has to be chosen.
BETS = (0.3, 0.8)
#: The stake on each of ``WAYS``. The names of classes are usually right: a machine that is to be understood against
#: its names, such as one that is always wrong, has to prove more.
STAKES = (0.8, 0.1, 0.1)
#: Labels that are predicted before a head can be taught, and the factor by which the labels grow between two heads.
FIRST, GROWTH = 4, 1.5


def wealth(gains: Float[np.ndarray, "w m"], stakes: Sequence[float] = (1.0,)) -> Float[np.ndarray, "w m"]:
    """The wealth of somebody who bets parts of a stake that the gains are above zero on average.

    If they are not, that is if the expectation of each gain is at most 0 given all before it, in every row, and the
    stakes sum to 1, then the wealth in any row ever reaches 1/α with a probability of at most α, however often one
    looks, and however the items are chosen.

    Args:
        gains: Gains in [-1, 1] of several ways, in the order of the labels.
        stakes: The stake on each way, above 0.

    References:
        Ville, 1939; Waudby-Smith & Ramdas, Estimating Means of Bounded Random Variables by Betting, JRSS B 2024,
        arXiv 2010.09686.

    Example:
        >>> wealth(np.ones((1, 2))).round(2).tolist(), wealth(np.zeros((2, 1)), (0.8, 0.2)).tolist()
        ([[1.55, 2.46]], [[0.8], [0.2]])
    """
    grown = np.cumsum(np.log1p(np.multiply.outer(BETS, gains)), axis=2)
    return np.asarray(np.exp(grown).mean(axis=0) * np.asarray(stakes)[:, None])


@dataclass(frozen=True, slots=True)
class Proof:
    """What people's labels say of a machine.

    Attributes:
        ways: For each way to heed it, the largest wealth so far of a bet that it makes the head right more often. If it
            helps at no label, any of them ever reaches 1/α with a probability of at most α.
        against: The same of a bet that it makes the head wrong more often, on the newer half of the labels: a machine
            that helped at first can be worse than the head that the labels have taught since.
    """

    ways: tuple[float, ...]
    against: tuple[float, ...]

    @property
    def evidence(self) -> float:
        """The largest wealth of all ways."""
        return max(self.ways)


def prove(
    points: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    n_classes: int,
    student: Student,
    *,
    turns: Int[np.ndarray, " m"] | None = None,
) -> Proof:
    """Bet on each label that a machine makes the head right more often, before the label is read.

    Each label is predicted twice from the labels that came before it: by the head on its own, and by a head that heeds
    the machine, in each way in which it can be heeded. The gain of a label is 1 where only the second is right, -1
    where only the first is. Before there is a head, its prediction is a guess, and the machine's is its own answer.

    Args:
        points: Vectors of the labeled items.
        labels: Their class indices.
        n_classes: k.
        student: What the machine says of any vector.
        turns: Number of the round in which each label came; by default, all came at once.

    Example:
        >>> from activessl.heads.students import shares_of, student_of
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(2, size=400)
        >>> points = rng.normal(size=(400, 20)) + 1.5 * np.eye(2)[truth] @ np.eye(2, 20)
        >>> good, chance = np.where(rng.random(400) < 0.8, truth, 1 - truth), rng.integers(2, size=400)
        >>> students = [student_of(points, shares_of(said, 2)) for said in (good, chance)]
        >>> [prove(points[:60], truth[:60], 2, one).evidence > 1 / CHANCE for one in students]
        [True, False]
    """
    x, y = student.place(points), np.asarray(labels, dtype=np.int64)
    # in a round no label came first: not in the order of the pool, which can be sorted by class
    mixed = np.random.default_rng(0).permutation(len(y))
    order = mixed if turns is None else mixed[np.argsort(np.asarray(turns)[mixed], kind="stable")]
    # more labels hardly change the verdict, and the fits take time
    x, y = x[order][:MOST_CHOOSING], y[order][:MOST_CHOOSING]
    says, known = student(x), 0
    gains = np.zeros((len(WAYS), len(y)))
    while known < len(y):
        until = min(max(FIRST, ceil(GROWTH * known)), len(y))
        if not known:
            named = np.array([[start > 0] for start, _ in WAYS])
            gains[:, :until] = named * ((says[:until].argmax(axis=1) == y[:until]) - 1.0 / n_classes)
        else:
            alone = _right(x, says, student.scale, y, n_classes, Way(), known, until)
            for i, how in enumerate(WAYS):
                gains[i, known:until] = _right(x, says, student.scale, y, n_classes, Way((0,), *how), known, until)
            gains[:, known:until] -= alone
        known = until
    most = wealth(gains, STAKES).max(axis=1, initial=0.0)
    against = wealth(-gains[:, len(y) // 2 :]).max(axis=1, initial=0.0)
    return Proof(tuple(most.tolist()), tuple(against.tolist()))


def _right(
    x: Float[np.ndarray, "m d"],
    says: Float[np.ndarray, "m k"],
    scale: float,
    y: Int[np.ndarray, " m"],
    k: int,
    way: Way,
    known: int,
    until: int,
) -> Int[np.ndarray, " n"]:
    """1 where a head of the first ``known`` labels predicts a label from there to ``until`` right."""
    own, start = {0: says[:until]}, start_of({0: says[:until]}, way)
    inputs = inputs_of(x[:until], own, {0: scale}, way)
    before = span(inputs[:known])
    fit = best_fit(before, None if start is None else start[:known], y[:known], k, way)
    left = np.eye(k)[y[:known]] - (0.0 if start is None else start[:known])
    theta = before.axes.T @ ((before.coords.T @ left) / (before.energy + fit.ridge)[:, None])
    scores = inputs[known:] @ theta + (0.0 if start is None else start[known:])
    if start is None:
        scores[:, np.bincount(y[:known], minlength=k) == 0] = -np.inf
    return np.asarray(scores.argmax(axis=1) == y[known:until], dtype=np.int64)
