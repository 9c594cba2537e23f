"""The labels, hours and money still needed for a target, and when the next hour is no longer worth its price."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.measuring.planning.hours import HumanTime
from activessl.measuring.planning.worth import Worth
from activessl.measuring.savings.trend import Trend

#: If fewer than this share of the curves reach the target with the whole pool, it is reported as not reachable.
HOPE = 0.1


@dataclass(frozen=True, slots=True)
class Price:
    """The cost of labeling and the value of accuracy.

    Args:
        per_hour: Cost of an hour of labeling, >= 0.
        currency: Currency of all amounts.
        per_point: Value of one point of accuracy, >= 0; None where none is set.

    Raises:
        MeasureError: An amount without a currency, or a negative one.
    """

    per_hour: float | None = None
    currency: str | None = None
    per_point: float | None = None

    def __post_init__(self) -> None:
        for name in ("per_hour", "per_point"):
            amount = getattr(self, name)
            if amount is not None and not (np.isfinite(amount) and amount >= 0):
                raise MeasureError(f"a {name} of {amount}", hint="give an amount of at least 0")
            if amount is not None and self.currency is None:
                raise MeasureError(f"a {name} of {amount} without a currency", hint="name the currency")


@dataclass(frozen=True, slots=True)
class Span:
    """A median and an interval; None for a value that would need more than the whole pool."""

    middle: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The labels, hours and money still needed for a target.

    Attributes:
        target: The accuracy, in (0, 1).
        labels: Number of labels now.
        pool: Items in the pool.
        now: The accuracy now.
        most: The accuracy with the whole pool labeled, by the same curves.
        reachable: Share of the curves that reach the target within the pool, in [0, 1].
        more: Further labels needed.
        hours: Further hours of labeling; None where no times were recorded.
        money: Cost of these hours; None without a rate.
        currency: Currency of the money.
        hours_per_point: Hours for the next point of accuracy at the present pace; None without times.
        pays_until: The label count from which the next hour is worth less than it costs; None where no value of a point
            is set, or where hours pay to the end of the pool.
        still_pays: Whether the next hour is worth its price; None where this was not computed.
        level: Probability of the intervals.
        random_labels: Number of random labels that the figures rest on.
        test_items: Number of test items that the accuracy of today rests on; 0 where it rests on the random labels.
    """

    target: float
    labels: int
    pool: int
    now: Span
    most: Span
    reachable: float
    more: Span
    hours: Span | None
    money: Span | None
    currency: str | None
    hours_per_point: Span | None
    pays_until: int | None
    still_pays: bool | None
    level: float
    random_labels: int
    test_items: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether the target cannot be reached: fewer than ``HOPE`` of the curves reach it within the pool."""
        return self.reachable < HOPE

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON; null for a figure that does not exist."""
        return {**asdict(self), "hopeless": self.hopeless}


def check_target(target: float) -> None:
    """Check a target accuracy.

    Raises:
        MeasureError: A target outside (0, 1).
    """
    if not 0 < target < 1:
        raise MeasureError(f"a target of {target}", hint="give an accuracy between 0 and 1, such as 0.95")


def make_plan(
    curve: Trend,
    target: float,
    *,
    labels: int,
    pool: int,
    random_labels: int,
    test_items: int = 0,
    time: HumanTime | None = None,
    price: Price | None = None,
    worth: Worth | None = None,
    level: float = 0.9,
    rng: np.random.Generator,
) -> Plan:
    """Compute the labels, hours and money to a target from a bundle of curves.

    Args:
        curve: Curves of this project, by :func:`activessl.measuring.savings.trend.fit_trend`.
        target: The accuracy to reach, in (0, 1).
        labels: Number of labels.
        pool: Number of items.
        random_labels: Number of random labels that the curves were measured on.
        test_items: Number of test items that the curves go through; 0 without.
        time: Times of labeling so far; the seconds for a label are assumed to stay the same.
        price: The cost of labeling and the value of accuracy.
        worth: Whether the next hour pays, where this was computed.
        level: Probability of the intervals.
        rng: Random numbers for the seconds of a label.

    Raises:
        MeasureError: A target outside (0, 1), or no labels.

    Example:
        >>> curve = Trend(100.0, np.full(50, np.log(0.2)), np.full(50, 0.5), np.full(50, 1e-3))
        >>> found = make_plan(
        ...     curve, 0.9, labels=100, pool=1000, random_labels=40, rng=np.random.default_rng(0)
        ... )
        >>> round(found.more.middle), found.hopeless
        (300, False)
    """
    check_target(target)
    if labels < 1 or pool < labels:
        raise MeasureError(f"{labels} labels in a pool of {pool}", hint="label some items first")
    needed = np.where(curve.error(labels) <= 1 - target, labels, curve.reach(np.log(1 - target)))
    needed = np.where(needed <= pool, np.maximum(needed, labels), np.inf)
    more = needed - labels
    hours = money = pace = None
    if time is not None:
        spread = (time.high - time.low) / 3.29
        seconds = np.maximum(time.per_label + spread * rng.standard_normal(len(more)), 1e-3)
        hours = _span(more * seconds / 3600, level)
        pace = _span(seconds / 3600 / np.maximum(100 * curve.gain(labels), 1e-12), level)
        if price is not None and price.per_hour is not None:
            money = _span(more * seconds / 3600 * price.per_hour, level)
    return Plan(
        target=target,
        labels=labels,
        pool=pool,
        now=_span(1 - curve.error(labels), level),
        most=_span(1 - curve.error(pool), level),
        reachable=float(np.mean(np.isfinite(needed))),
        more=_span(more, level),
        hours=hours,
        money=money,
        currency=None if price is None else price.currency,
        hours_per_point=pace,
        pays_until=None if worth is None else worth.until,
        still_pays=None if worth is None else worth.pays,
        level=level,
        random_labels=random_labels,
        test_items=test_items,
    )


def _span(values: Float[np.ndarray, " r"], level: float) -> Span:
    tail = (1 - level) / 2
    # quantiles that occur in the sample: a number and infinity cannot be interpolated
    low = float(np.quantile(values, tail, method="lower"))
    middle, high = (float(v) for v in np.quantile(values, (0.5, 1 - tail), method="higher"))
    return Span(*(value if np.isfinite(value) else None for value in (middle, low, high)))
