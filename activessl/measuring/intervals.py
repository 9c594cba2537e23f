"""Intervals of shares, means and differences, each with what it holds for."""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING

from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
else:
    np = later("numpy")  # an interval of one share needs no array

#: That a target is said to be reached and is not has this probability at most, over all of a project's looks together.
DELTA = 0.1
#: A sample that has grown by this factor is looked at anew.
GROWN = 1.5


def deviations(level: float) -> float:
    """How many standard deviations on each side of a normal's mean have this probability.

    Example:
        >>> round(deviations(0.9), 3)
        1.645
    """
    from scipy.special import ndtri  # the normal's quantiles, without all of scipy.stats

    return float(ndtri(0.5 + level / 2))


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share from n observations, z standard deviations wide, within [0, 1].

    Example:
        >>> [round(v, 3) for v in wilson(1.0, 20, 1.645)]
        [0.881, 1.0]
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def share_interval(count: float, n: float, level: float = 0.9) -> tuple[float, float]:
    """An interval of a share that holds it at least this often whatever the share is.

    Args:
        count: How many of ``n`` are so; of observations that weigh differently, the share times their effective number.
        n: How many observations there are, > 0.
        level: Probability of the interval, in (0, 1).

    References:
        Clopper & Pearson, The Use of Confidence or Fiducial Limits, Biometrika 1934.

    Example:
        >>> [round(v, 3) for v in share_interval(0, 20)]
        [0.0, 0.139]
    """
    from scipy.special import betaincinv  # the beta's quantiles, without all of scipy.stats

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def mean_interval(
    accuracy: Float[np.ndarray, "s b"], level: float = 0.9
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """An interval of the mean over seeds, by Student's t, clipped to [0, 1].

    With one seed nothing is known about its spread: the interval is then [0, 1].

    Example:
        >>> low, high = mean_interval(np.array([[0.5], [0.7]]))
        >>> low.round(2).tolist(), high.round(2).tolist()
        ([0.0], [1.0])
    """
    from scipy.special import stdtrit  # Student's quantiles, without all of scipy.stats

    accuracy = np.asarray(accuracy, dtype=np.float64)
    s = len(accuracy)
    if s < 2:
        return np.zeros(accuracy.shape[1]), np.ones(accuracy.shape[1])
    half = stdtrit(s - 1, 0.5 + level / 2) * accuracy.std(axis=0, ddof=1) / np.sqrt(s)
    mean = accuracy.mean(axis=0)
    return np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)


def paired_difference(won: int, lost: int, n: int, level: float = 0.9) -> tuple[float, float]:
    """An interval of the difference of two shares of the same n observations, within [-1, 1].

    Wald's on the table with half an observation added to each of its four cells, so that it does not collapse where few
    observations differ.

    Args:
        won: Observations that count for the second share only.
        lost: Those that count for the first only.
        n: All observations, > 0.
        level: Probability of the interval, in (0, 1).

    References:
        Agresti & Min, Simple Improved Confidence Intervals for Comparing Matched Proportions, Statistics in Medicine
        2005.

    Example:
        >>> [round(v, 3) for v in paired_difference(10, 0, 100)]
        [0.047, 0.149]
    """
    total, more, less = n + 2.0, won + 0.5, lost + 0.5
    middle = (more - less) / total
    half = deviations(level) * sqrt(more + less - (more - less) ** 2 / total) / total
    return max(-1.0, middle - half), min(1.0, middle + half)


def difference(p: float, n: int, q: float, m: int, level: float = 0.9) -> tuple[float, float]:
    """An interval of p - q, the shares of n and of m observations of different items.

    References:
        Newcombe, Interval Estimation for the Difference Between Independent Proportions, Statistics in Medicine 1998,
        method 10.

    Example:
        >>> [round(v, 2) for v in difference(0.9, 100, 0.75, 20)]
        [0.01, 0.34]
    """
    z = deviations(level)
    (low_p, high_p), (low_q, high_q) = wilson(p, n, z), wilson(q, m, z)
    return p - q - sqrt((p - low_p) ** 2 + (high_q - q) ** 2), p - q + sqrt((high_p - p) ** 2 + (q - low_q) ** 2)


def part_of_delta(delta: float, attempt: int) -> float:
    """The probability with which one of many attempts may fail, so that all of them together may with ``delta``.

    Example:
        >>> part_of_delta(0.1, 1), round(sum(part_of_delta(0.1, k) for k in range(1, 1000)), 3)
        (0.05, 0.1)
    """
    return delta / (attempt * (attempt + 1))


def lowest_share(count: float, n: float, look: int, delta: float = DELTA) -> float:
    """A lower bound of a share that is looked at again and again, until the bound is high enough.

    That it is ever above the share, at this look or any other, has the probability ``delta`` at most.

    Args:
        count: As in :func:`share_interval`.
        n: How many observations there are, > 0.
        look: Which look it is, from 1 on.
        delta: Probability with which all looks together may mislead, in (0, 1).

    Example:
        >>> [round(lowest_share(190, 200, look), 3) for look in (1, 10, 50)]
        [0.917, 0.883, 0.861]
    """
    return share_interval(count, n, 1 - 2 * part_of_delta(delta, look))[0]


def look_of(labels: int, fewest: int) -> int:
    """Which look at a growing sample this is, where a new one begins whenever the sample has grown by half.

    Each look at labels that were there the last time, and a few more, sees nearly the same; counted one by one, the
    looks would use up what may go wrong before there are labels enough.

    Args:
        labels: In the sample now, at least ``fewest``.
        fewest: With which it is first looked at, > 0.

    Example:
        >>> [look_of(n, 10) for n in (10, 14, 15, 30, 100, 1000)]
        [1, 1, 2, 3, 6, 12]
    """
    return 1 + int(log(max(labels, fewest) / fewest) / log(GROWN) + 1e-9)
