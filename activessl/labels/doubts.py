"""Doubts about labels, and how many questions of a round should ask about doubted labels instead of new items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError
from activessl.later import later

if TYPE_CHECKING:
    from scipy import special
else:
    special = later("scipy.special")  # not needed to choose new items

#: Factors by which the left-out head is sharpened, and the standard deviation of the prior of their logarithm.
SHARPER = np.exp(np.linspace(np.log(0.4), np.log(10.0), 14))
SHARPER_SPREAD = 0.8
#: Shares of wrong answers, and the parameters of their beta prior: 6.5 % at the mean, often much less.
RATES = np.array([5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 0.015, 0.025, 0.04, 0.06, 0.09, 0.13, 0.18, 0.25, 0.33, 0.42])
RATE_PRIOR = (0.7, 10.0)
#: Number of answers that weigh as much as the usual rate, in the rate of an annotator.
USUAL_ANSWERS = 10.0
#: Labels that factor and rate are fitted to; more change little and take time.
MOST_FITTED = 1_000


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

    The model: the true class has the probabilities of the left-out head, sharpened by an unknown factor, because a head
    whose temperature was fitted to labels with mistakes doubts all of them; an answer is wrong at an unknown rate, and
    then any other class with equal probability. Factor and rate are integrated over a grid with their likelihood and
    priors, so that few labels, or labels without mistakes, raise few doubts. Annotators who contradict the head and the
    others more often than usual have a higher rate.

    Args:
        answers: One row per labeled item, one column per annotator; class indices, -1 for no answer.
        labels: The class of each item.
        left_out: From ``left_out_probs``.

    Returns:
        In [0, 1]: of labels with a doubt of p, about p are wrong (docs/results/learning.md).

    Raises:
        LabelError: Shapes that do not fit together, or classes out of range.

    References:
        Dawid & Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
        Statistics 1979: the rates of annotators.
        Goh, Tkachenko & Mueller, CROWDLAB, 2022, arXiv 2210.06812: the head as one more annotator.

    Example:
        >>> left_out = np.array([[0.97, 0.03]] * 20 + [[0.03, 0.97]] * 20)
        >>> given = np.array([0] * 19 + [1] + [1] * 20)  # the 20th is unlike the head
        >>> doubts = label_doubts(given[:, None], given, left_out)
        >>> int(doubts.argmax()), bool(doubts[19] > 0.4), bool(np.delete(doubts, 19).max() < 0.02)
        (19, True, True)
    """
    table, y, prior = np.asarray(answers), np.asarray(labels, dtype=np.int64), np.asarray(left_out, dtype=np.float64)
    if prior.ndim != 2 or y.shape != (len(prior),) or table.ndim != 2 or len(table) != len(y):
        raise LabelError(
            f"{len(answers)} rows of answers, labels of shape {y.shape} and probabilities of shape {prior.shape}"
            " do not fit together",
            hint="pass one row of answers and one row of probabilities for each label",
        )
    k = prior.shape[1]
    if not len(y) or k < 2 or min(y.min(), table.min(initial=0) + 1) < 0 or max(y.max(), table.max(initial=0)) >= k:
        raise LabelError(f"labels or answers are out of range for {k} classes", hint="pass indices from 0, -1 for none")
    logits = np.log(np.maximum(prior, 1e-9))
    several = np.bincount(y, minlength=k)[y] > 1  # a left-out head cannot predict a class with a single label
    logits[~several] = 0.0

    known = np.flatnonzero(several)[:: max(1, several.sum() // MOST_FITTED)]
    weights = _weights(table[known], logits[known], np.ones(table.shape[1]))
    ratio = np.ones(table.shape[1])
    if table.shape[1] > 1:
        ratio = _rate_ratios(table, logits, float(weights.sum(axis=1) @ SHARPER), float(weights.sum(axis=0) @ RATES))
        weights = _weights(table[known], logits[known], ratio)
    doubts = np.zeros(len(y))
    for i, j in np.argwhere(weights > 1e-4):
        joint = _joint(table, logits, SHARPER[i], RATES[j] * ratio)
        doubts += weights[i, j] * (1 - joint[np.arange(len(y)), y] / joint.sum(axis=1))
    return np.asarray(np.clip(doubts / weights[weights > 1e-4].sum(), 0.0, 1.0))


def _joint(
    table: Int[np.ndarray, "m a"], logits: Float[np.ndarray, "m k"], sharper: float, rates: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "m k"]:
    """The joint probability of each true class and the answers about each item."""
    return np.asarray(special.softmax(sharper * logits, axis=1) * _answered(table, logits.shape[1], rates))


def _answered(table: Int[np.ndarray, "m a"], k: int, rates: Float[np.ndarray, " a"]) -> Float[np.ndarray, "m k"]:
    """The probability of the answers about each item, for each true class."""
    rates = np.minimum(rates, 0.9 * (k - 1) / k)
    item, who = np.nonzero(table >= 0)
    logs = np.zeros((len(table), k))
    np.add.at(logs, (item, table[item, who]), np.log((1 - rates) * (k - 1) / rates)[who])
    logs += np.bincount(item, np.log(rates / (k - 1))[who], len(table))[:, None]
    return np.exp(logs)


def _weights(
    table: Int[np.ndarray, "m a"], logits: Float[np.ndarray, "m k"], ratio: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "s r"]:
    """Posterior probability of each pair of a factor in ``SHARPER`` and a usual rate in ``RATES``."""
    edges = np.sqrt(RATES[1:] * RATES[:-1])
    width = np.diff(np.concatenate([RATES[:1], edges, RATES[-1:]]))
    usual = (RATE_PRIOR[0] - 1) * np.log(RATES) + (RATE_PRIOR[1] - 1) * np.log1p(-RATES) + np.log(width)
    logs = usual[None] - 0.5 * (np.log(SHARPER)[:, None] / SHARPER_SPREAD) ** 2
    said = [_answered(table, logits.shape[1], rate * ratio) for rate in RATES]
    for i, sharper in enumerate(SHARPER):
        true = special.softmax(sharper * logits, axis=1)
        logs[i] += [np.log((true * each).sum(axis=1)).sum() for each in said]
    return np.asarray(special.softmax(logs, axis=None))


def _rate_ratios(
    table: Int[np.ndarray, "m a"], logits: Float[np.ndarray, "m k"], sharper: float, usual: float
) -> Float[np.ndarray, " a"]:
    """Each annotator's rate divided by the usual rate, by expectation maximization; few answers stay near 1."""
    item, who = np.nonzero(table >= 0)
    count = np.bincount(who, minlength=table.shape[1])
    rates = np.full(table.shape[1], usual)
    for _ in range(30):
        joint = _joint(table, logits, sharper, rates)
        wrong = 1 - joint[item, table[item, who]] / joint[item].sum(axis=1)
        new = (USUAL_ANSWERS * usual + np.bincount(who, wrong, table.shape[1])) / (USUAL_ANSWERS + count)
        moved = float(np.abs(new - rates).max())
        rates = new
        if moved < 1e-4:
            break
    return rates / usual


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
