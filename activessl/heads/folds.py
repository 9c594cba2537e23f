"""What heads say of labels that they were not taught."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.registry import make_head

FOLDS = 5


def fold_predictions(
    x: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"], *, head: str, n_classes: int, seed: int
) -> Int[np.ndarray, " m"]:
    """For each label, the class that a head predicts which was taught only labels of the other folds (of 5).

    Args:
        x: Vectors of the labeled items.
        y: Their class indices.
        head: Name of the head.
        n_classes: How many classes there are.
        seed: Of the folds and the head.

    Returns:
        -1 for a label that stands alone.

    Example:
        >>> x, y = np.repeat(np.eye(2), 5, axis=0), np.repeat([0, 1], 5)
        >>> fold_predictions(x, y, head="logistic", n_classes=2, seed=0)
        array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    predicted = np.full(len(y), -1, dtype=np.int64)
    fold = np.random.default_rng([seed, 4]).permutation(len(y)) % min(FOLDS, max(len(y), 1))
    for k in np.unique(fold):
        inside = fold != k
        if inside.any():
            taught = make_head(head, n_classes=n_classes, seed=seed).fit(x[inside], y[inside])
            predicted[~inside] = taught.predict_proba(x[~inside]).argmax(axis=1)
    return predicted
