"""Cross-validated predictions of a head for its own labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.heeded import heed
from activessl.heads.registry import make_head
from activessl.heads.students import Student
from activessl.labels.kinds import Labels, kind_of

FOLDS = 5


def fold_predictions(
    x: Float[np.ndarray, "m d"],
    y: Labels,
    *,
    head: str,
    n_classes: int,
    seed: int,
    groups: Int[np.ndarray, " m"] | None = None,
    students: Sequence[Student | None] = (),
    turns: Int[np.ndarray, " m"] | None = None,
) -> Labels:
    """Predict each labeled item with a head that was fitted on the other folds (of 5).

    Args:
        x: Vectors of the labeled items.
        y: Class indices of the items, or (m, k) of 0 and 1.
        head: Name of the head.
        n_classes: Number of classes.
        seed: Seed of the folds and the head.
        groups: Numbers of groups, which folds do not divide; by default each item is alone.
        students: Machines that the head heeds, as far as the labels of the other folds speak for them.
        turns: Number of the round in which each label came, for the proof of the machines; by default all at once.

    Returns:
        Predictions in the form of ``y``; -2, which is no class, if there is only one label.

    Example:
        >>> x, y = np.repeat(np.eye(2), 5, axis=0), np.repeat([0, 1], 5)
        >>> fold_predictions(x, y, head="logistic", n_classes=2, seed=0)
        array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    predicted, kind = np.full(np.shape(y), -2, dtype=np.int64), kind_of(y)
    fold = dealt_groups(len(y), groups, np.random.default_rng([seed, 4]))
    for k in np.unique(fold):
        inside = fold != k
        if inside.any():
            came = None if turns is None else turns[inside]
            heeded = heed(x[inside], y[inside], n_classes, students, turns=came) if any(students) else None
            taught = make_head(head, n_classes, seed, kind).fit(x[inside], y[inside]) if heeded is None else heeded.head
            predicted[~inside] = kind.decide(taught.predict_proba(x[~inside]))
    return predicted


def dealt_groups(n: int, groups: Int[np.ndarray, " n"] | None, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Deal n items to at most five folds of equal size; the items of a group are in one fold.

    Example:
        >>> dealt_groups(6, np.array([0, 0, 1, 1, 2, 2]), np.random.default_rng(0)).tolist()
        [1, 1, 2, 2, 0, 0]
    """
    if groups is None:
        return np.asarray(rng.permutation(n) % min(FOLDS, max(n, 1)))
    _, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(size) == n:
        return dealt_groups(n, None, rng)
    order = rng.permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]  # large groups first, each to the fold with fewest items
    held, of = np.zeros(min(FOLDS, max(len(size), 1)), dtype=np.int64), np.empty(len(size), dtype=np.int64)
    for group in order:
        of[group] = held.argmin()
        held[of[group]] += size[group]
    return np.asarray(of[place])
