"""Whether a machine helps: a bet on each label of a person, placed before the label is read."""

from __future__ import annotations

from math import ceil, inf

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.softmax import span
from activessl.heads.students import Student
from activessl.heads.ways import WAYS, Way, best_fit, inputs_of, start_of

#: Probability with which a machine is ever heeded that makes the head right more often at no label.
CHANCE = 0.05
#: Parts of the stake that are bet on each label; the wealth is the mean over them, so that none has to be chosen.
BETS = (0.1, 0.25, 0.5, 0.75)
#: Labels that are predicted before a head can be taught, and the factor by which the labels grow between two heads.
FIRST, GROWTH = 4, 1.5


def wealth(gains: Float[np.ndarray, "w m"]) -> Float[np.ndarray, " m"]:
    """The wealth, from a stake of 1, of somebody who bets that the gains are above zero on average.

    If they are not, that is if the expectation of each gain is at most 0 given all before it, in every row, then the
    wealth ever reaches 1/α with a probability of at most α, however often one looks, and however the items are chosen.

    Args:
        gains: Gains in [-1, 1] of several ways, in the order of the labels; the stake is divided evenly between them.

    References:
        Ville, 1939; Waudby-Smith & Ramdas, Estimating Means of Bounded Random Variables by Betting, JRSS B 2024,
        arXiv 2010.09686.

    Example:
        >>> wealth(np.ones((1, 2))).round(2).tolist(), wealth(np.zeros((3, 2))).tolist()
        ([1.4, 2.02], [1.0, 1.0])
    """
    grown = np.cumsum(np.log1p(np.multiply.outer(BETS, gains)), axis=2)
    return np.asarray(np.exp(grown).mean(axis=(0, 1)))


def evidence(
    points: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    n_classes: int,
    student: Student,
    *,
    turns: Int[np.ndarray, " m"] | None = None,
    enough: float = inf,
) -> float:
    """How much the labels speak for a machine: the largest wealth of a bet that it makes the head right more often.

    Each label is predicted twice from the labels that came before it: by the head on its own, and by a head that heeds
    the machine, in each way in which it can be heeded. The gain of a label is 1 where only the second is right, -1
    where only the first is. Before there is a head, its prediction is a guess, and the machine's is its own answer.

    Args:
        points: Vectors of the labeled items.
        labels: Their class indices.
        n_classes: k.
        student: What the machine says of any vector.
        turns: Number of the round in which each label came; by default, they came in the order of the rows.
        enough: Stop at this wealth.

    Returns:
        At least 1. If the machine helps at no label, 1/α is reached with a probability of at most α.
    """
    x, y = student.place(points), np.asarray(labels, dtype=np.int64)
    order = np.arange(len(y))
    if turns is not None:
        # in a round no label came first: not in the order of the pool, which can be sorted by class
        mixed = np.random.default_rng(0).permutation(len(y))
        order = mixed[np.argsort(np.asarray(turns)[mixed], kind="stable")]
    x, y = x[order], y[order]
    says = student(x)
    gains, best = np.zeros((len(WAYS), len(y))), 1.0
    known = 0
    while known < len(y):
        until = min(max(FIRST, ceil(GROWTH * known)), len(y))
        new = slice(known, until)
        if not known:
            named = np.array([[start > 0] for start, _ in WAYS])
            gains[:, new] = named * ((says[new].argmax(axis=1) == y[new]) - 1.0 / n_classes)
        else:
            alone = _right(x, says, student.scale, y, n_classes, Way(), known, until)
            for i, how in enumerate(WAYS):
                right = _right(x, says, student.scale, y, n_classes, Way((0,), *how), known, until)
                gains[i, new] = right.astype(float) - alone
        best, known = max(best, float(wealth(gains[:, :until])[known:].max())), until
        if best >= enough:
            break
    return best


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
