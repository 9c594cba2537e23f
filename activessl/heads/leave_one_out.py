"""Leave-one-out predictions: each labeled item, predicted from all other labels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError
from activessl.heads.calibrate import fit_sharpness, softmax
from activessl.heads.inputs import centre_of
from activessl.heads.penalty import RIDGE_TO_LOGISTIC, LeftOut, leave_one_out_penalty, span_of


def left_out_probs(
    points: Float[np.ndarray, "m d"], labels: Int[np.ndarray, " m"], n_classes: int, *, penalty: float | None = None
) -> Float[np.ndarray, "m k"]:
    """Predict each labeled item by ridge regression on all *other* labels, in closed form.

    The m leave-one-out predictions of a ridge regression follow from one decomposition, without folds or further fits.
    One temperature, fitted to the left-out labels, turns the outputs into probabilities.

    Args:
        points: Vectors as the head gets them.
        labels: Class indices.
        n_classes: k.
        penalty: Penalty of the logistic head on the same labels; by default it is chosen as that head chooses it.

    Returns:
        Probabilities; rows sum to one. If an item has the only label of its class, that class has a small probability
        in its row, because no other label shows the class.

    Raises:
        LabelError: No labels, or classes out of range.

    References:
        Rifkin & Lippert, Notes on Regularized Least Squares, MIT-CSAIL-TR-2007-025, 2007.

    Example:
        >>> points = np.array([[1.0, 0.1], [1.0, -0.1], [0.9, 0.0], [-1.0, 0.0], [-1.0, 0.1], [1.0, 0.05]])
        >>> probs = left_out_probs(points, np.array([0, 0, 0, 1, 1, 1]), 2)
        >>> probs.argmax(axis=1).tolist()  # the last item lies among items of the other class
        [0, 0, 0, 1, 1, 0]
    """
    x, y = np.asarray(points, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if x.ndim != 2 or y.shape != (len(x),) or not len(y) or y.min() < 0 or y.max() >= n_classes:
        raise LabelError(
            f"vectors have shape {x.shape}, labels have shape {y.shape} and there are {n_classes} classes",
            hint="pass one class index from 0 to n_classes - 1 per row",
        )
    seen, local = np.unique(y, return_inverse=True)
    probs = np.zeros((len(y), n_classes))
    if len(seen) == 1:
        probs[:, seen] = 1.0
        return probs
    weights = np.ones(len(y))
    rows = span_of(x, centre_of(x, weights))
    if penalty is None:
        penalty = leave_one_out_penalty(rows, local, len(seen), weights)
    scores = LeftOut.of(rows, local, len(seen), weights).scores(penalty / RIDGE_TO_LOGISTIC)
    # leave out classes with a single label: they cannot be predicted from other labels
    several = np.flatnonzero(np.bincount(local)[local] > 1)
    sharpness = 5.0
    if len(several):
        sharpness, _ = fit_sharpness(scores[several], local[several], weights[several], prior=5.0, spread=2.0)
    probs[:, seen] = softmax(sharpness * scores)
    return probs
