"""Cross-validated predictions of a head for its own labels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from activessl.heads.registry import make_head
from activessl.labels.kinds import Labels, kind_of

FOLDS = 5


def fold_predictions(x: Float[np.ndarray, "m d"], y: Labels, *, head: str, n_classes: int, seed: int) -> Labels:
    """Predict each labeled item with a head that was fitted on the other folds (of 5).

    Args:
        x: Vectors of the labeled items.
        y: Class indices of the items, or (m, k) of 0 and 1.
        head: Name of the head.
        n_classes: Number of classes.
        seed: Seed of the folds and the head.

    Returns:
        Predictions in the form of ``y``; -2, which is no class, if there is only one label.

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
