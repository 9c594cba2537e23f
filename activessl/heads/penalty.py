"""What a head chooses for itself from the labels it has: the penalty, and which labels are held out when."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.units import scaled_rows
from activessl.heads.calibrate import fit_sharpness
from activessl.heads.softmax import Span, span

#: Penalties that are tried. Unit vectors make one grid fit all encoders: beyond either end, accuracy only falls.
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
#: What is used when the labels are too few to choose, and what the choice is drawn towards.
USUAL_PENALTY = 0.03
#: How far the choice moves on little evidence: the prior's standard deviation of the penalty's logarithm.
PENALTY_SPREAD = 1.5
#: The penalty of the logistic fit that goes with a ridge penalty of 1.
RIDGE_TO_LOGISTIC = 0.1
#: Cross-validation looks at no more labels than these: the choice is settled long before.
MOST_CHOOSING = 1000


def span_of(x: Float[np.ndarray, "m d"], centre: Float[np.ndarray, " d"]) -> Span:
    """Vectors as a linear head sees them, in principal axes: centred, of length one, with a constant beside them."""
    return span(np.hstack([scaled_rows(x - centre), np.ones((len(x), 1))]))


def leave_one_out_penalty(
    rows: Span, targets: Int[np.ndarray, " m"], k: int, weights: Float[np.ndarray, " m"]
) -> float:
    """The penalty under which ridge regression on the one-hot labels best predicts each label from all others.

    In principal axes every penalty costs two small products, where cross-validating the logistic fits costs seconds;
    the two rank penalties alike, ours at about a tenth of the ridge's.
    """
    count = np.bincount(targets, minlength=k)
    held = np.flatnonzero(count[targets] > 1)
    if len(held) > MOST_CHOOSING:
        held = held[:: -(-len(held) // MOST_CHOOSING)]
    if not len(held):
        return USUAL_PENALTY
    basis, onto = label_shares(rows, targets, k)
    basis, own = basis[held], targets[held]
    best, chosen = np.inf, USUAL_PENALTY
    for penalty in PENALTIES:
        left_out = left_out_scores(basis, rows.energy, onto, own, penalty / RIDGE_TO_LOGISTIC)
        _, loss = fit_sharpness(left_out, own, weights[held], prior=5.0, spread=2.0)
        loss += 0.5 * (np.log(penalty / USUAL_PENALTY) / PENALTY_SPREAD) ** 2
        if loss < best:
            best, chosen = loss, penalty
    return chosen


def label_shares(
    rows: Span, targets: Int[np.ndarray, " m"], k: int
) -> tuple[Float[np.ndarray, "m r"], Float[np.ndarray, "r k"]]:
    """The labeled vectors in axes of unit length, and how much of each class's one-hot column lies along each axis."""
    basis = rows.coords / np.sqrt(rows.energy)
    return basis, np.stack([np.bincount(targets, column, k) for column in basis.T])


def left_out_scores(
    basis: Float[np.ndarray, "h r"],
    energy: Float[np.ndarray, " r"],
    onto: Float[np.ndarray, "r k"],
    targets: Int[np.ndarray, " h"],
    ridge: float,
) -> Float[np.ndarray, "h k"]:
    """What ridge regression on the one-hot labels says of some labels' items when it was taught all others.

    Args:
        basis: Their rows, from ``label_shares``.
        energy: Squared singular values.
        onto: Of all labels, from ``label_shares``.
        targets: Their classes.
        ridge: The L2 penalty, > 0.
    """
    share = energy / (energy + ridge)
    leverage = np.minimum((basis * basis) @ share, 1.0 - 1e-9)
    scores: Float[np.ndarray, "h k"] = basis @ (share[:, None] * onto)
    scores[np.arange(len(targets)), targets] -= leverage
    scores /= (1.0 - leverage)[:, None]
    return scores


def stratified_folds(targets: Int[np.ndarray, " m"], folds: int, seed: int) -> Int[np.ndarray, " m"]:
    """The fold of each label; -1 for those that stay in every training part, -2 for those not looked at at all.

    A class's only label is never held out: nothing could be learned from predicting it. Within a class folds take
    turns, and the next class goes on where the last one ended, so that all are about equally large.
    """
    m = len(targets)
    fold = np.full(m, -1)
    chosen: Int[np.ndarray, " c"] = np.arange(m)
    if m > MOST_CHOOSING:
        chosen = np.sort(np.random.default_rng(seed).choice(m, MOST_CHOOSING, replace=False))
        fold[:] = -2
        fold[chosen] = -1
    turn = 0
    for c in np.unique(targets[chosen]):
        own = chosen[targets[chosen] == c]
        if len(own) > 1:
            fold[own] = (np.arange(len(own)) + turn) % folds
            turn += len(own)
    return fold
