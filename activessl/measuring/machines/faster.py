"""How many labels machines save: with how many labels the head that heeds them is as good as the head on its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError

#: Resamples of the random labels.
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Faster:
    """The share of labels that machines save.

    Attributes:
        saved: 1 - labels with machines / labels without, for the same accuracy; below 0 where they cost labels.
        low: Lower end of its interval.
        high: Upper end.
        level: Probability of the interval.
        labels: Number of labels, to which the share belongs.
        censored: Whether the estimate is the largest that the measured label counts can show.
    """

    saved: float
    low: float
    high: float
    level: float
    labels: int
    censored: bool

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def faster(
    sizes: Float[np.ndarray, " p"],
    heeding: Float[np.ndarray, "p m"],
    alone: Float[np.ndarray, "p m"],
    *,
    rng: np.random.Generator,
    level: float = 0.9,
) -> Faster:
    """Compare the learning curves of heads with and without machines, on the same random labels.

    Where the heads with machines are better with all labels, the number of labels is found with which they are as good
    as the heads without; where they are worse, the number with which the heads without are as good as they are. Between
    the measured numbers, accuracy is linear in the logarithm of the number. The interval resamples the random labels.

    Args:
        sizes: Numbers of labels taught, ascending.
        heeding: 1 where a random label was predicted right by heads that heed machines, for each number of labels.
        alone: The same of heads without machines.
        rng: Source of randomness.
        level: Probability of the interval.

    Raises:
        MeasureError: Arrays that do not fit, or no random label.

    Example:
        >>> right = lambda *shares: np.array([np.arange(100) < 100 * share for share in shares])
        >>> rng = np.random.default_rng(0)
        >>> found = faster(np.array([25, 50, 100]), right(0.7, 0.8, 0.9), right(0.6, 0.7, 0.8), rng=rng)
        >>> round(found.saved, 2), found.low > 0.3, found.censored
        (0.5, True, False)
    """
    n, with_it, without = np.asarray(sizes, float), np.asarray(heeding, float), np.asarray(alone, float)
    if with_it.shape != without.shape or with_it.ndim != 2 or len(n) != len(with_it) or not with_it.size:
        raise MeasureError(
            f"outcomes of shapes {with_it.shape} and {without.shape} for {len(n)} numbers of labels",
            hint="pass one row for each number of labels and one column for each random label",
        )
    saved = _saved(n, with_it.mean(axis=1), without.mean(axis=1))
    m = with_it.shape[1]
    picks = (rng.integers(0, m, m) for _ in range(DRAWS))
    many = [_saved(n, with_it[:, at].mean(axis=1), without[:, at].mean(axis=1)) for at in picks]
    low, high = np.quantile(many, [0.5 - level / 2, 0.5 + level / 2])
    most = 1 - n[0] / n[-1]
    return Faster(saved, float(low), float(high), level, round(float(n[-1])), bool(abs(saved) > most - 1e-9))


def _saved(n: Float[np.ndarray, " p"], with_it: Float[np.ndarray, " p"], without: Float[np.ndarray, " p"]) -> float:
    """The share of labels saved; positive where the second curve is lower at its end."""
    first, second = np.maximum.accumulate(with_it), np.maximum.accumulate(without)
    if first[-1] >= second[-1]:
        return 1 - _labels_to(n, first, second[-1]) / float(n[-1])
    return -(1 - _labels_to(n, second, first[-1]) / float(n[-1]))


def _labels_to(n: Float[np.ndarray, " p"], curve: Float[np.ndarray, " p"], goal: float) -> float:
    """The fewest labels with which an ascending curve reaches a goal that it reaches at its end."""
    at = int(np.argmax(curve >= goal))
    if at == 0:
        return float(n[0])
    part = (goal - curve[at - 1]) / (curve[at] - curve[at - 1])
    logs = np.log(n)
    return float(np.exp(logs[at - 1] + part * (logs[at] - logs[at - 1])))
