"""Whether a person's next minute is better spent on a new item or on one that was labeled already, but is doubted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError
from activessl.labels.consensus import consensus


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that looks wrong.

    Attributes:
        item: The item.
        given: The class that people gave it.
        instead: The class that the head finds most likely besides.
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
    """The probability that each label is wrong, by all its answers and a head that was not taught it.

    The head is one more annotator, as in CROWDLAB: its left-out probabilities are the prior of the consensus, so that
    an annotator who often contradicts it and the others counts for less.

    Args:
        answers: A row a labeled item, a column an annotator; class indices, -1 for no answer.
        labels: The class believed of each item.
        left_out: From ``left_out_probs``.

    Returns:
        In [0, 1]; comparable with one minus a head's largest probability of an unlabeled item.

    Raises:
        LabelError: Shapes that do not belong together, or classes out of range.

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
            f"{len(answers)} rows of answers, {y.shape} labels, {prior.shape} probabilities",
            hint="pass one row a label",
        )
    # a class that nobody else bears has no chance with a left-out head: that is ignorance, not doubt
    count = np.bincount(y, minlength=prior.shape[1])
    prior = np.where((count[y] < 2)[:, None], 1.0 / prior.shape[1], prior)
    # nor is a head that has seen so little ever certain
    floor = 1.0 / (len(y) + prior.shape[1])
    found = consensus(answers, prior.shape[1], prior=np.maximum(prior, floor))
    doubts: Float[np.ndarray, " m"] = np.clip(1.0 - found.probs[np.arange(len(y)), y], 0.0, 1.0)
    return doubts


def how_many_again(doubts: Float[np.ndarray, " m"], unsure: Float[np.ndarray, " c"], query_size: int) -> int:
    """How many of the next ``query_size`` questions should be about labels that are there.

    As many as there are labels among the ``query_size`` most doubtful of all items, labeled or not.

    Args:
        doubts: Of the labeled items, from ``label_doubts``.
        unsure: Of the unlabeled: one minus the head's largest probability.
        query_size: Questions of the next round.

    Example:
        >>> how_many_again(np.array([0.9, 0.1]), np.array([0.5, 0.6, 0.2]), 3)
        1
    """
    both = np.concatenate([np.asarray(doubts, dtype=float), np.asarray(unsure, dtype=float)])
    size = min(query_size, len(both))
    if size < 1:
        return 0
    # of equally doubtful ones a new item is asked: it is seen for the first time
    order = np.lexsort((np.arange(len(both)) < len(doubts), -both))
    return int(np.sum(order[:size] < len(doubts)))
