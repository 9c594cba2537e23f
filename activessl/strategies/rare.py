"""Rare classes: which items may be of a class that has few labels, and their part of a round."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from activessl.strategies.scene import Choice, Scene, uncertainty_of

__all__ = ["FEW", "SHARE", "Sought", "few_labels", "likely_rare", "seek"]

#: Share of a round that looks for items of classes with few labels, where there are such classes.
SHARE = 0.2

#: A class has few labels if it has less than this share of the labels of an average class.
FEW = 0.5


def few_labels(labels: Int[np.ndarray, " m"], n_classes: int) -> Int[np.ndarray, " f"]:
    """The classes that have a label, but fewer than half as many as an average class; ascending.

    A class without labels is not among them: no probability tells where its items are.

    Args:
        labels: Class indices.
        n_classes: Number of classes, with or without labels.

    Example:
        >>> few_labels(np.array([0] * 8 + [1] * 7 + [2]), 4).tolist()
        [2]
        >>> few_labels(np.array([0, 1, 1]), 2).tolist()
        []
    """
    count = np.bincount(np.asarray(labels, dtype=np.int64), minlength=n_classes)
    return np.flatnonzero((count > 0) & (count < FEW * len(labels) / n_classes))


def likely_rare(
    probs: Float[np.ndarray, "r k"],
    labels: Int[np.ndarray, " m"],
    classes: Int[np.ndarray, " f"],
    size: int,
    appeal: Float[np.ndarray, " r"] | None = None,
) -> tuple[Int[np.ndarray, " s"], Int[np.ndarray, " s"]]:
    r"""The rows that are most likely of each of these classes, and not certainly so: by :math:`p_c (1 - p_c)`.

    The next row goes to the class with the fewest labels, counting the rows chosen so far. Where all probabilities of a
    class are below a half, its likeliest rows come first; rows that are surely of the class would teach nothing.

    Args:
        probs: Class probabilities of the candidates; rows sum to one.
        labels: Class indices of the labeled items.
        classes: The classes to look for, at least one.
        size: Number of rows, at most the number of candidates.
        appeal: Factor on the score of each row, > 0.

    Returns:
        (distinct rows of ``probs``, the class that each was chosen for).

    References:
        Attenberg & Provost, Why Label when you can Search?, KDD 2010; Garnett et al., Bayesian Optimal Active Search
        and Surveying, ICML 2012, arXiv 1206.6406.

    Example:
        >>> probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.99, 0.01], [0.02, 0.98]])
        >>> rows, found = likely_rare(probs, np.array([0, 0, 0, 0, 1]), np.array([1]), 2)
        >>> rows.tolist(), found.tolist()
        ([1, 0], [1, 1])
    """
    own = np.asarray(probs)[:, classes].astype(np.float64)
    score = own * (1.0 - own)
    if appeal is not None:
        score *= appeal[:, None]
    have = np.bincount(np.asarray(labels, dtype=np.int64), minlength=np.asarray(probs).shape[1])[classes]
    rows, chosen = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    for turn in range(size):
        c = int(np.argmin(have))
        rows[turn], chosen[turn] = int(np.argmax(score[:, c])), classes[c]
        score[rows[turn]] = -1.0  # taken
        have[c] += 1
    return rows, chosen


@dataclass(frozen=True, eq=False)
class Sought:
    """The rows of a round that look for rare classes, and the scene for the other rows of the round.

    Attributes:
        found: The choice of these rows, at least one.
        rest: The scene without these rows, which count as asked about; of a round of one item it asks for none.
    """

    found: Choice
    rest: Scene

    def joined(self, others: Choice) -> Choice:
        """Both, the sought rows evenly among the others: people who stop early have answered some of each."""
        parts = (self.found, others)
        place = np.concatenate([(np.arange(len(part.picks)) + 0.5) / max(len(part.picks), 1) for part in parts])
        order = np.argsort(place, kind="stable")
        leads = [lead for part in parts for lead in part.leads or [""] * len(part.picks)]
        return Choice(
            np.concatenate([part.picks for part in parts])[order],
            parts={name: np.concatenate([part.parts[name] for part in parts])[order] for name in self.found.parts},
            leads=[leads[at] for at in order],
        )


def seek(scene: Scene) -> Sought | None:
    """The part of a round that looks for rare classes; None where no class has few labels, or before there is a head.

    A class is not looked for if it has more labels than the head expects items of it among the candidates.

    A fifth of the round; a fraction of an item is rounded up or down at random, so that small rounds seek, too.
    """
    state = scene.state
    if state.probs is None or scene.independent:
        return None
    classes, count = few_labels(state.labels, state.n_classes), np.bincount(state.labels, minlength=state.n_classes)
    if len(classes):  # where most of its items seem to have a label, what is left of it is not worth a fifth of a round
        classes = classes[scene.probs()[:, classes].sum(axis=0, dtype=np.float64) > count[classes]]
    if state.class_weights is not None:  # nobody wants items of a class of weight 0
        classes = classes[np.asarray(state.class_weights)[classes] > 0]
    if not len(classes):
        return None
    size = int(SHARE * scene.size + state.rng.random())
    if not size:
        return None
    at, meant = likely_rare(scene.probs(), state.labels, classes, size, scene.appeal)
    rows = scene.rows[at]
    found = Choice(
        rows,
        parts={"gain": np.zeros(size), "uncertainty": uncertainty_of(np.asarray(state.probs[rows]))},
        leads=[
            f"may be {state.class_name(int(c))}, which has {count[c]} of {len(state.labels):,} labels" for c in meant
        ],
    )
    pending = rows if state.pending is None else np.concatenate([state.pending, rows])
    rest = scene.narrowed(np.delete(np.arange(len(scene.rows)), at), scene.size - size)
    return Sought(found, replace(rest, state=state.replace(pending=pending)))
