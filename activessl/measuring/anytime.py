"""Tests and bounds of a share that stay valid however often the growing sample is looked at."""

from __future__ import annotations

from math import inf, log

from activessl.errors import MeasureError
from activessl.measuring.intervals import share_interval

#: Highest probability that a target is reported as reached while it is not, over all looks of a project together.
DELTA = 0.1


def evidence_above(count: float, n: float, bound: float) -> float:
    r"""The log of an e-value against "the share is at most ``bound``".

    If the share is at most ``bound``, the probability that this ever exceeds :math:`\log(1/\delta)`, at any of the
    sizes that a sample grows through, is at most :math:`\delta` (Ville's inequality). It is the likelihood ratio of a
    uniform mixture of all shares above ``bound`` against ``bound`` itself.

    Args:
        count: Successes, in [0, n]; of observations that weigh differently, the share times their effective number.
        n: Observations, >= 0.
        bound: In [0, 1).

    Returns:
        A number, negative where the sample speaks for a share below ``bound``; 0 without observations.

    Raises:
        MeasureError: Figures outside their ranges.

    References:
        Robbins, Statistical Methods Related to the Law of the Iterated Logarithm, Annals of Mathematical Statistics
        1970. Howard, Ramdas, McAuliffe & Sekhon, Time-uniform, Nonparametric, Nonasymptotic Confidence Sequences,
        Annals of Statistics 2021, arXiv 1810.08240.

    Example:
        >>> round(evidence_above(95, 100, 0.8), 2), round(evidence_above(80, 100, 0.8), 2)
        (8.1, -1.47)
    """
    from scipy.special import betaincc, betaln  # the beta function, without all of scipy.stats

    count = min(count, n) if count <= n * (1 + 1e-9) else count  # weighted observations are rounded
    if not 0 <= count <= n or not 0 <= bound < 1:
        raise MeasureError(
            f"{count} successes of {n} against a share of {bound}", hint="give 0 <= count <= n and a bound in [0, 1)"
        )
    if n == 0:
        return 0.0
    missed = n - count
    if bound == 0:
        return inf if count else float(betaln(1, n + 1))
    above = float(betaincc(count + 1, missed + 1, bound))  # of the mixture's posterior, the part above the bound
    if above <= 0:
        return -inf
    whole = float(betaln(count + 1, missed + 1)) + log(above) - log(1 - bound)
    return whole - count * log(bound) - missed * log(1 - bound)


def evidence_below(count: float, n: float, bound: float) -> float:
    """The log of an e-value against "the share is at least ``bound``", in (0, 1]: as :func:`evidence_above`.

    Example:
        >>> round(evidence_below(60, 100, 0.8), 2)
        8.58
    """
    return evidence_above(n - count, n, 1 - bound)


def lower_bound(count: float, n: float, delta: float = DELTA) -> float:
    """The lower bound of a share that is looked at again and again, until the bound is high enough.

    That it is ever above the share, at this look or any other, has the probability ``delta`` at most.

    Args:
        count: As in :func:`evidence_above`.
        n: Observations, >= 0.
        delta: In (0, 1).

    Example:
        >>> [round(lower_bound(0.95 * n, n), 3) for n in (20, 200, 2000)]
        [0.743, 0.901, 0.935]
    """
    if not 0 < delta < 1:
        raise MeasureError(f"a probability of {delta}", hint="give one between 0 and 1")
    low, high, enough = 0.0, count / n if n else 0.0, log(1 / delta)
    for _ in range(50):  # the evidence falls as the bound rises to the observed share: bisection to the last digit
        middle = (low + high) / 2
        if evidence_above(count, n, middle) >= enough:
            low = middle
        else:
            high = middle
    return low


def upper_bound(count: float, n: float, delta: float = DELTA) -> float:
    """The upper bound likewise.

    Example:
        >>> round(upper_bound(180, 200), 3)
        0.955
    """
    return 1.0 - lower_bound(max(0.0, n - count), n, delta)


def observations_needed(share: float, bound: float, delta: float, *, most: int = 100_000) -> int | None:
    """How many observations with this share settle on which side of ``bound`` it lies; None for more than ``most``.

    Args:
        share: In [0, 1], as observed so far.
        bound: In (0, 1).
        delta: Of :func:`lower_bound`.
        most: The largest answer.

    Example:
        >>> observations_needed(0.9, 0.8, 0.05), observations_needed(0.801, 0.8, 0.05)
        (110, None)
    """
    side = evidence_above if share >= bound else evidence_below
    enough = log(1 / delta)
    if side(share * most, most, bound) < enough:
        return None
    few, many = 0, most
    while many - few > 1:  # with a fixed share the evidence grows with the sample, once it has begun to
        middle = (few + many) // 2
        if side(share * middle, middle, bound) >= enough:
            many = middle
        else:
            few = middle
    return many


def part_of_delta(delta: float, attempt: int) -> float:
    """The probability with which one of many attempts may fail, so that all of them together may with ``delta``.

    Example:
        >>> part_of_delta(0.1, 1), round(sum(part_of_delta(0.1, k) for k in range(1, 1000)), 3)
        (0.05, 0.1)
    """
    return delta / (attempt * (attempt + 1))


def retested_bounds(count: float, n: float, look: int, delta: float = DELTA) -> tuple[float, float]:
    """Bounds of a share on the same test items, where each look tests another model.

    The sample does not grow, so that each look gets a smaller part of ``delta`` on each side.

    Args:
        count: Successes, in [0, n].
        n: Test items, >= 0.
        look: Number of the look, from 1 on.
        delta: In (0, 1); the probability that any look misleads on one side.

    Example:
        >>> [[round(end, 3) for end in retested_bounds(190, 200, look)] for look in (1, 10)]
        [[0.917, 0.973], [0.883, 0.985]]
    """
    return share_interval(count, n, 1 - 2 * part_of_delta(delta, look))
