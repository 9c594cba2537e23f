"""Doubts about labels, and how many questions of a round should ask about doubted labels instead of new items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError
from activessl.labels.consensus import consensus


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        item: The item.
        given: The class that people gave.
        instead: The most likely other class, by the head.
        doubt: The probability that the label is wrong, in (0.5, 1].
        annotators: How many people labeled it.
    """

    item: str
    given: str
    instead: str
    doubt: float
    annotators: int


def label_doubts(
    answers: Int[np.ndarray, "m a"], labels: Int[np.ndarray, " m"], left_out: Float[np.ndarray, "m k"]
) -> Float[np.ndarray, " m"]:
    """The probability that each label is wrong, from all its answers and a head that was not taught the label.

    The head is one more annotator, as in CROWDLAB: its left-out probabilities are the prior of the consensus, so that
    an annotator who often contradicts the head and the others gets less weight.

    Args:
        answers: One row per labeled item, one column per annotator; class indices, -1 for no answer.
        labels: The class of each item.
        left_out: From ``left_out_probs``.

    Returns:
        In [0, 1]; comparable with one minus the head's largest probability for an unlabeled item.

    Raises:
        LabelError: Shapes that do not fit together, or classes out of range.

    References:
        Goh, Tkachenko & Mueller, CROWDLAB, 2022, arXiv 2210.06812.
        Goh & Mueller, ActiveLab: Active Learning with Re-Labeling by Multiple Annotators, 2023, arXiv 2301.11856.

    Example:
        >>> left_out = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95]])
        >>> doubts = label_doubts(np.array([[0], [1], [0]]), np.array([0, 1, 0]), left_out)
        >>> int(doubts.argmax())
        2
    """
    y, prior = np.asarray(labels, dtype=np.int64), np.asarray(left_out, dtype=np.float64)
    if prior.ndim != 2 or y.shape != (len(prior),) or len(answers) != len(y):
        raise LabelError(
            f"{len(answers)} rows of answers, labels of shape {y.shape} and probabilities of shape {prior.shape}"
            " do not fit together",
            hint="pass one row of answers and one row of probabilities for each label",
        )
    # a left-out head cannot predict a class with a single label: that is no reason to doubt the label
    count = np.bincount(y, minlength=prior.shape[1])
    prior = np.where((count[y] < 2)[:, None], 1.0 / prior.shape[1], prior)
    # a head that was taught few labels is never certain
    floor = 1.0 / (len(y) + prior.shape[1])
    found = consensus(answers, prior.shape[1], prior=np.maximum(prior, floor))
    doubts: Float[np.ndarray, " m"] = np.clip(1.0 - found.probs[np.arange(len(y)), y], 0.0, 1.0)
    return doubts


def how_many_again(doubts: Float[np.ndarray, " m"], unsure: Float[np.ndarray, " c"], query_size: int) -> int:
    """How many of the next ``query_size`` questions should be about existing labels.

    The number is that of the labeled items among the ``query_size`` most doubtful of all items.

    Args:
        doubts: Doubts of the labeled items, from ``label_doubts``.
        unsure: For the unlabeled items, one minus the head's largest probability.
        query_size: Number of questions of the next round.

    Example:
        >>> how_many_again(np.array([0.9, 0.1]), np.array([0.5, 0.6, 0.2]), 3)
        1
    """
    both = np.concatenate([np.asarray(doubts, dtype=float), np.asarray(unsure, dtype=float)])
    size = min(query_size, len(both))
    if size < 1:
        return 0
    # of equally doubtful items, an unlabeled one goes first: it has no answer yet
    order = np.lexsort((np.arange(len(both)) < len(doubts), -both))
    return int(np.sum(order[:size] < len(doubts)))
