"""Intervals of shares, means and differences, each with its assumptions."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
else:
    np = later("numpy")  # an interval of one share needs no array


def deviations(level: float) -> float:
    """Number of standard deviations on each side of the mean of a normal distribution that hold this probability.

    Example:
        >>> round(deviations(0.9), 3)
        1.645
    """
    from scipy.special import ndtri  # quantiles of the normal distribution, without importing all of scipy.stats

    return float(ndtri(0.5 + level / 2))


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share from n observations, at z standard deviations, within [0, 1].

    At a share of 0 or 1 that end is exact, not rounded; without observations the interval is [0, 1].

    Example:
        >>> [round(v, 3) for v in wilson(1.0, 20, 1.645)]
        [0.881, 1.0]
    """
    if n <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, share))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, float(centre - half))
    return low, 1.0 if share == 1 else min(1.0, float(centre + half))


def share_interval(count: float, n: float, level: float = 0.9) -> tuple[float, float]:
    """Exact interval of a share: its coverage is at least ``level`` for every true share.

    Args:
        count: Observations of ``n`` that count; for weighted observations, the share times their effective number.
        n: Number of observations, >= 0.
        level: Probability of the interval, in (0, 1).

    References:
        Clopper & Pearson, The Use of Confidence or Fiducial Limits, Biometrika 1934.

    Example:
        >>> [round(v, 3) for v in share_interval(0, 20)]
        [0.0, 0.139]
    """
    from scipy.special import betaincinv  # quantiles of the beta distribution, without importing all of scipy.stats

    if n <= 0:
        return 0.0, 1.0

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def mean_interval(
    accuracy: Float[np.ndarray, "s b"], level: float = 0.9
) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """Interval of the mean over seeds, by Student's t, clipped to [0, 1].

    One seed has no measured spread: the interval is then [0, 1].

    Example:
        >>> low, high = mean_interval(np.array([[0.5], [0.7]]))
        >>> low.round(2).tolist(), high.round(2).tolist()
        ([0.0], [1.0])
    """
    from scipy.special import stdtrit  # quantiles of Student's t, without importing all of scipy.stats

    accuracy = np.asarray(accuracy, dtype=np.float64)
    s = len(accuracy)
    if s < 2:
        return np.zeros(accuracy.shape[1]), np.ones(accuracy.shape[1])
    half = stdtrit(s - 1, 0.5 + level / 2) * accuracy.std(axis=0, ddof=1) / np.sqrt(s)
    mean = accuracy.mean(axis=0)
    return np.clip(mean - half, 0, 1), np.clip(mean + half, 0, 1)


def paired_difference(won: int, lost: int, n: int, level: float = 0.9) -> tuple[float, float]:
    """Interval of the difference of two shares of the same n observations, within [-1, 1].

    Wald's interval on the table with half an observation added to each of its four cells, so that it does not collapse
    where few observations differ.

    Args:
        won: Observations that count for the second share only.
        lost: Observations that count for the first share only.
        n: Number of all observations, > 0.
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
    """Interval of p - q, where p is a share of n observations and q a share of m observations of other items.

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
