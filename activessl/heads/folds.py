"""What heads say of labels that they were not taught."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from activessl.heads.registry import make_head
from activessl.labels.kinds import Labels, kind_of

FOLDS = 5


def fold_predictions(x: Float[np.ndarray, "m d"], y: Labels, *, head: str, n_classes: int, seed: int) -> Labels:
    """For each label, what a head predicts which was taught only labels of the other folds (of 5).

    Args:
        x: Vectors of the labeled items.
        y: Their class indices, or (m, k) of 0 and 1.
        head: Name of the head.
        n_classes: How many classes there are.
        seed: Of the folds and the head.

    Returns:
        In the form of ``y``; -2, which is no label, for one that stands alone.

    Example:
        >>> x, y = np.repeat(np.eye(2), 5, axis=0), np.repeat([0, 1], 5)
        >>> fold_predictions(x, y, head="logistic", n_classes=2, seed=0)
        array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    predicted, kind = np.full(np.shape(y), -2, dtype=np.int64), kind_of(y)
    fold = np.random.default_rng([seed, 4]).permutation(len(y)) % min(FOLDS, max(len(y), 1))
    for k in np.unique(fold):
        inside = fold != k
        if inside.any():
            taught = make_head(head, n_classes, seed, kind).fit(x[inside], y[inside])
            predicted[~inside] = kind.decide(taught.predict_proba(x[~inside]))
    return predicted
