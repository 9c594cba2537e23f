"""The level of each of many looks, so that all looks together raise a false alarm with the probability of one."""

from __future__ import annotations

from activessl.errors import MeasureError
from activessl.measuring.drift.compare import LEVEL

#: Looks of the first span; each further span has twice as many looks and half the level.
FIRST_SPAN = 50


def level_of_look(look: int, level: float = LEVEL) -> float:
    """The level of one look, from 1 on: the levels of all looks, without an end, add up to ``level`` at most.

    The first 50 looks share half of the level evenly, the next 100 a quarter, and so on. By the union bound any alarm
    without drift has the probability ``level`` at most, whatever is looked at, and however the looks depend on each
    other: all of them compare with one reference sample, so that their p-values are not independent, and a product of
    e-values would not be valid.

    References:
        Spending a level over looks: Lan & DeMets, Discrete Sequential Boundaries for Clinical Trials, Biometrika 1983.

    Example:
        >>> [level_of_look(look) for look in (1, 50, 51, 151)]
        [0.0005, 0.0005, 0.000125, 3.125e-05]
        >>> round(sum(level_of_look(look) for look in range(1, 50_000)), 3)
        0.05
    """
    if look < 1 or not 0 < level < 1:
        raise MeasureError(f"look {look} at a level of {level}", hint="count looks from 1, and give a level in (0, 1)")
    span, last = 0, FIRST_SPAN
    while look > last:
        span += 1
        last += FIRST_SPAN * 2**span
    return float(level / 2 ** (span + 1) / (FIRST_SPAN * 2**span))
