"""The choice of the penalty from the labels, and the folds of the cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.geometry.units import scaled_rows
from activessl.heads.calibrate import fit_sharpness
from activessl.heads.softmax import Span, span

#: Candidate penalties. One grid fits all encoders, because vectors have unit length; outside the grid accuracy falls.
PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
#: The penalty if the labels are too few for a choice; also the centre of the prior.
USUAL_PENALTY = 0.03
#: Standard deviation of the prior of the penalty's logarithm.
PENALTY_SPREAD = 1.5
#: The penalty of the logistic fit that corresponds to a ridge penalty of 1.
RIDGE_TO_LOGISTIC = 0.1
#: Largest number of labels for cross-validation; more labels do not change the choice.
MOST_CHOOSING = 1000


def span_of(x: Float[np.ndarray, "m d"], centre: Float[np.ndarray, " d"]) -> Span:
    """The input of a linear head in principal axes: centred unit vectors with a constant column."""
    return span(np.hstack([scaled_rows(x - centre), np.ones((len(x), 1))]))


def leave_one_out_penalty(
    rows: Span, targets: Int[np.ndarray, " m"], k: int, weights: Float[np.ndarray, " m"]
) -> float:
    """Choose the penalty under which ridge regression on the one-hot labels best predicts each label from all others.

    In principal axes each penalty costs two small products; cross-validation of the logistic fits would take seconds.
    Both rank the penalties alike; the logistic penalty is about a tenth of the ridge penalty.

    Args:
        rows: The labeled vectors.
        targets: Class of each label.
        k: Number of classes.
        weights: Weight of each label, > 0, in the regression and in the loss.
    """
    return best_left_out(rows, targets, k, weights)[0]


def best_left_out(
    rows: Span,
    targets: Int[np.ndarray, " m"],
    k: int,
    weights: Float[np.ndarray, " m"],
    judged: Bool[np.ndarray, " m"] | None = None,
) -> tuple[float, float]:
    """The penalty of ``leave_one_out_penalty``, and the loss of the left-out labels under it.

    The loss is their weighted negative log-likelihood (nats), plus those of the priors of penalty and temperature. It
    is 0 if no class has two labels. With ``judged``, only these labels are left out.
    """
    count = np.bincount(targets, minlength=k)
    held = np.flatnonzero((count[targets] > 1) & (True if judged is None else judged))
    if len(held) > MOST_CHOOSING:
        held = held[:: -(-len(held) // MOST_CHOOSING)]
    if not len(held):
        return USUAL_PENALTY, 0.0
    left_out = LeftOut.of(rows, targets, k, weights, held)
    best, chosen = np.inf, USUAL_PENALTY
    for penalty in PENALTIES:
        scores = left_out.scores(penalty / RIDGE_TO_LOGISTIC)
        _, loss = fit_sharpness(scores, left_out.targets, weights[held], prior=5.0, spread=2.0)
        loss += 0.5 * (np.log(penalty / USUAL_PENALTY) / PENALTY_SPREAD) ** 2
        if loss < best:
            best, chosen = loss, penalty
    return chosen, best


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Leave-one-out scores of ridge regression on the one-hot labels, for any penalty from one decomposition.

    Attributes:
        basis: (h, r) the weighted vectors of the scored labels, in principal axes of unit length.
        energy: (r,) squared singular values of the weighted vectors of all labels.
        onto: (r, k) projections of the weighted one-hot columns of all labels.
        targets: (h,) classes of the scored labels.
        root: (h,) square roots of their weights.

    References:
        Rifkin & Lippert, Notes on Regularized Least Squares, MIT-CSAIL-TR-2007-025, 2007.
    """

    basis: Float[np.ndarray, "h r"]
    energy: Float[np.ndarray, " r"]
    onto: Float[np.ndarray, "r k"]
    targets: Int[np.ndarray, " h"]
    root: Float[np.ndarray, " h"]

    @classmethod
    def of(
        cls,
        rows: Span,
        targets: Int[np.ndarray, " m"],
        k: int,
        weights: Float[np.ndarray, " m"],
        held: Int[np.ndarray, " h"] | None = None,
    ) -> LeftOut:
        """Prepare the scores of the labels at ``held``, by default of all.

        Args:
            rows: The labeled vectors.
            targets: Class of each label.
            k: Number of classes.
            weights: Weight of each label, > 0.
            held: Positions of the labels to score.
        """
        root = np.sqrt(weights)
        if np.any(root != 1):
            rows = span(rows.coords * root[:, None])
        basis = rows.coords / np.sqrt(rows.energy)
        onto = np.stack([np.bincount(targets, column * root, k) for column in basis.T])
        if held is not None:
            basis, targets, root = basis[held], targets[held], root[held]
        return cls(basis, rows.energy, onto, targets, root)

    def scores(self, ridge: float) -> Float[np.ndarray, "h k"]:
        """The scores under an L2 penalty > 0."""
        share = self.energy / (self.energy + ridge)
        leverage = np.minimum((self.basis * self.basis) @ share, 1.0 - 1e-9)
        scores: Float[np.ndarray, "h k"] = self.basis @ (share[:, None] * self.onto)
        scores[np.arange(len(scores)), self.targets] -= leverage * self.root
        scores /= ((1.0 - leverage) * self.root)[:, None]
        return scores


def stratified_folds(targets: Int[np.ndarray, " m"], folds: int, seed: int) -> Int[np.ndarray, " m"]:
    """The fold of each label; -1 for labels in every training part, -2 for labels that are not used.

    The only label of a class is never held out, because the other labels cannot predict it. The labels of a class go to
    the folds in turn, and the next class continues with the next fold, so that all folds have about equal size.
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
