"""Uncertainty scores of single items from probabilities: pure functions, higher = ask sooner.

For multi-label probabilities (each column in [0, 1] on its own) use :func:`multilabel`, which computes the score of
each class as a two-class problem.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

Probs = Float[np.ndarray, "n k"]
Scores = Float[np.ndarray, " n"]


def least_confidence(probs: Probs) -> Scores:
    """Score by one minus the probability of the best class.

    Args:
        probs: Class probabilities; rows sum to one.

    Returns:
        Scores in [0, 1 - 1/k].

    References:
        Lewis & Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994.

    Example:
        >>> least_confidence(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
        [0.5, 0.1]
    """
    return np.asarray(np.subtract(1.0, np.asarray(probs).max(axis=1)))


def margin(probs: Probs) -> Scores:
    r"""Score by :math:`1 - (p_{(1)} - p_{(2)})`, the closeness of the two best classes.

    Args:
        probs: Class probabilities; rows sum to one.

    Returns:
        Scores in [0, 1]; with a single class all 0.

    References:
        Scheffer, Decomain & Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001.

    Example:
        >>> margin(np.array([[0.5, 0.5], [0.9, 0.1]])).round(2).tolist()
        [1.0, 0.2]
    """
    first, second = top_two(probs)
    return np.asarray(np.subtract(1.0, first - second))


def top_two(probs: Probs) -> tuple[Scores, Scores]:
    """The largest and the second largest probability of each row; the second is 0 with a single class."""
    probs = np.asarray(probs)
    if probs.shape[1] == 1:
        return np.ones(len(probs)), np.zeros(len(probs))
    if probs.shape[1] == 2:
        return probs.max(axis=1), probs.min(axis=1)
    best = np.argmax(probs, axis=1)[:, None]
    first = np.take_along_axis(probs, best, axis=1)[:, 0]
    rest = probs.copy()
    np.put_along_axis(rest, best, -1, axis=1)
    return first, rest.max(axis=1)


def entropy(probs: Probs, *, normalise: bool = True) -> Scores:
    """Score by the entropy of the predicted class.

    Args:
        probs: Class probabilities; rows sum to one.
        normalise: Divide by log k, so that scores lie in [0, 1] for any number of classes; else in nats.

    References:
        Shannon 1948; Settles, Active Learning Literature Survey, 2009, section 3.1.

    Example:
        >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(2).tolist()
        [1.0, 0.0]
    """
    probs = np.asarray(probs, dtype=np.float64)
    k = probs.shape[1]
    nats = -np.sum(probs * np.log(np.clip(probs, 1e-12, None)), axis=1)
    return np.asarray(np.divide(np.maximum(nats, 0), np.log(k) if normalise and k > 1 else 1.0))


def bald(samples: Float[np.ndarray, "s n k"]) -> Scores:
    """Score by the mutual information between the label and the head's parameters, in nats.

    Args:
        samples: Class probabilities under s draws from the head's posterior.

    Returns:
        Scores in [0, log k]: the entropy of the mean minus the mean entropy. The score is 0 for items that are equally
        ambiguous under every draw, and high for items on which the draws disagree.

    References:
        Houlsby, Huszar, Ghahramani & Lengyel, Bayesian Active Learning for Classification, arXiv 1112.5745 (2011).

    Example:
        >>> bald(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])).round(2).tolist()
        [0.69, 0.0]
    """
    samples = np.asarray(samples)
    mean = np.zeros(samples.shape[1:])
    inner = np.zeros(samples.shape[1])
    for draw in samples:  # one draw at a time: no second array of size s n k
        mean += draw
        inner += entropy(draw, normalise=False)
    return np.maximum(entropy(mean / len(samples), normalise=False) - inner / len(samples), 0)


def disagreement(samples: Float[np.ndarray, "s n k"]) -> Scores:
    """Score by the disagreement of a committee: the entropy of the classes that its members predict, in nats.

    The other common score, the mean divergence of the members from their mean, equals :func:`bald`.

    Args:
        samples: Class probabilities of each of s members.

    Returns:
        Scores in [0, log k].

    References:
        Engelson & Dagan, Minimizing Manual Annotation Cost, ACL 1996; for the divergence McCallum & Nigam, Employing
        EM and Pool-Based Active Learning, ICML 1998.

    Example:
        >>> votes = np.array([[[0.9, 0.1]], [[0.2, 0.8]]])
        >>> disagreement(votes).round(2).tolist()
        [0.69]
    """
    samples = np.asarray(samples)
    votes = np.zeros(samples.shape[1:])
    for draw in samples:
        votes[np.arange(len(votes)), draw.argmax(axis=1)] += 1
    return entropy(votes / len(samples), normalise=False)


def multilabel(score: Callable[[Probs], Scores], probs: Probs) -> Scores:
    """Compute a score for each class of a multi-label head as a two-class problem, and return the mean.

    Args:
        score: :func:`margin`, :func:`entropy` or :func:`least_confidence`.
        probs: Probability of each class on its own, in [0, 1].

    References:
        Brinker, On Active Learning in Multi-label Classification, GfKl 2006.

    Example:
        >>> multilabel(margin, np.array([[0.5, 1.0], [1.0, 0.0]])).round(2).tolist()
        [0.5, 0.0]
    """
    probs = np.asarray(probs)
    per_class = np.stack([score(np.stack([p, 1 - p], axis=1)) for p in probs.T])
    return np.asarray(np.mean(per_class, axis=0))


def rank(scores: Scores, size: int, rng: np.random.Generator) -> Int[np.ndarray, " q"]:
    """Positions of the ``size`` highest scores, highest first; random order among ties.

    Example:
        >>> rank(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0)).tolist()
        [1, 2]
    """
    order = np.lexsort((rng.random(len(scores)), -np.asarray(scores)))
    return np.asarray(order[:size])
