"""Return on investment: the money saved, its fixed costs, and the round of the break-even."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.planning.plan import Span


@dataclass(frozen=True, slots=True)
class Roi:
    """Costs and savings so far.

    Attributes:
        labeling: Cost of the labels, including items confirmed in a cluster.
        fixed: Cost of setting up and of computing, which random choice with a model trained elsewhere would not have.
        saved: Cost of the further labels that random choice would need for the same accuracy; an estimate with an
            interval, for labels given one by one.
        net: ``saved`` minus ``fixed``.
        break_even: The first round after which ``saved`` is at least ``fixed``; None while it is lower. The low end of
            its interval belongs to the high end of the saving.
        currency: Currency of all amounts.
        level: Probability of the intervals.
    """

    labeling: float
    fixed: float
    saved: Span
    net: Span
    break_even: Span
    currency: str
    level: float

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def return_on_investment(
    saved: float,
    low: float | None,
    high: float | None,
    *,
    hours: Sequence[float],
    spent_hours: float,
    per_hour: float,
    currency: str | None,
    overhead: float = 0.0,
    machine_hours: Sequence[float] = (),
    compute_per_hour: float = 0.0,
    level: float = 0.9,
) -> Roi:
    """Compare the value of a share of labels saved with its costs.

    The share is assumed to be the same in every round; the break-even round depends on this assumption.

    Args:
        saved: 1 - labels / labels that random choice needs, below 1.
        low: Lower end of the interval of ``saved``; None where it is not bounded.
        high: Upper end of that interval, below 1; None where it is not bounded.
        hours: Hours of labeling items one by one, up to each round, ascending.
        spent_hours: All hours of labeling so far, also of clusters and since the last of these rounds.
        per_hour: Cost of an hour of labeling, >= 0.
        currency: Currency of all amounts.
        overhead: Cost that is paid once, >= 0.
        machine_hours: Hours of computing up to each round, ascending.
        compute_per_hour: Cost of an hour of computing, >= 0.
        level: Probability of the interval.

    Raises:
        MeasureError: No rounds, no currency, or amounts below zero.

    Example:
        >>> found = return_on_investment(
        ...     0.5, 0.2, 0.75, hours=[1, 2, 3], spent_hours=3.5, per_hour=20, currency="EUR", overhead=30
        ... )
        >>> found.labeling, found.saved.middle, found.break_even.middle, found.break_even.high
        (70.0, 60.0, 2.0, None)
    """
    if currency is None:
        raise MeasureError("amounts without a currency", hint="set rates.currency in activessl.toml")
    amounts = (per_hour, overhead, compute_per_hour)
    if not len(hours) or not 0 < hours[-1] <= spent_hours * (1 + 1e-9) or min(amounts) < 0:
        raise MeasureError(
            f"{len(hours)} rounds, {spent_hours} hours of labeling, {per_hour} an hour",
            hint="give at least 1 round, a time above 0, and amounts of at least 0",
        )
    cost = np.asarray(hours, dtype=float) * per_hour
    machine = np.zeros(len(cost)) if not len(machine_hours) else np.asarray(machine_hours, dtype=float)
    fixed = overhead + machine * compute_per_hour

    def worth(share: float | None) -> np.ndarray | None:
        return None if share is None else cost * (1 / (1 - min(share, 0.999)) - 1)

    def first(share: float | None) -> float | None:
        value = worth(share)
        there = np.flatnonzero(value >= fixed) if value is not None else np.empty(0)
        # a break-even that is lost again in a later round does not count
        return float(there[0] + 1) if len(there) and value is not None and value[-1] >= fixed[-1] else None

    ends = [worth(share) for share in (saved, low, high)]
    last = [None if value is None else float(value[-1]) for value in ends]
    return Roi(
        labeling=spent_hours * per_hour,
        fixed=float(fixed[-1]),
        saved=Span(*last),
        net=Span(*(None if value is None else value - float(fixed[-1]) for value in last)),
        break_even=Span(first(saved), first(high), first(low)),
        currency=currency,
        level=level,
    )
