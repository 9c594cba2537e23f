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
    labels: Sequence[int],
    seconds_per_label: float,
    per_hour: float,
    currency: str | None,
    overhead: float = 0.0,
    machine_hours: Sequence[float] = (),
    group_hours: Sequence[float] = (),
    compute_per_hour: float = 0.0,
    level: float = 0.9,
) -> Roi:
    """Compare the value of a share of labels saved with its costs.

    The share is assumed to be the same in every round; the break-even round depends on this assumption.

    Args:
        saved: 1 - labels / labels that random choice needs, below 1.
        low: Lower end of the interval of ``saved``; None where it is not bounded.
        high: Upper end of that interval, below 1; None where it is not bounded.
        labels: Number of labels after each round, ascending; only labels that were given one by one.
        seconds_per_label: Time of a label, > 0.
        per_hour: Cost of an hour of labeling, >= 0.
        currency: Currency of all amounts.
        overhead: Cost that is paid once, >= 0.
        machine_hours: Hours of computing up to each round, ascending.
        group_hours: Hours of confirming clusters up to each round, ascending; they count as a cost and not as a saving.
        compute_per_hour: Cost of an hour of computing, >= 0.
        level: Probability of the interval.

    Raises:
        MeasureError: No rounds, no currency, or amounts below zero.

    Example:
        >>> found = return_on_investment(
        ...     0.5, 0.2, 0.75, labels=[100, 200, 300], seconds_per_label=36, per_hour=20, currency="EUR", overhead=30
        ... )
        >>> found.labeling, found.saved.middle, found.break_even.middle, found.break_even.high
        (60.0, 60.0, 2.0, None)

        A hundred labels of ten seconds, and four hundred items confirmed in clusters at half a second each:

        >>> found = return_on_investment(
        ...     0.5, None, None, labels=[100], seconds_per_label=10, per_hour=36, currency="EUR",
        ...     group_hours=[200 / 3600],
        ... )
        >>> found.labeling, found.saved.middle
        (12.0, 10.0)
    """
    if currency is None:
        raise MeasureError("amounts without a currency", hint="set rates.currency in activessl.toml")
    if not len(labels) or not seconds_per_label > 0 or min(per_hour, overhead, compute_per_hour) < 0:
        raise MeasureError(
            f"{len(labels)} rounds at {seconds_per_label} s a label and {per_hour} an hour",
            hint="give at least 1 round, a time above 0, and amounts of at least 0",
        )
    count = np.asarray(labels, dtype=float)
    machine = np.zeros(len(count)) if not len(machine_hours) else np.asarray(machine_hours, dtype=float)
    fixed = overhead + machine * compute_per_hour
    groups = float(group_hours[-1]) * per_hour if len(group_hours) else 0.0
    cost = count * seconds_per_label / 3600 * per_hour

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
        labeling=float(cost[-1]) + groups,
        fixed=float(fixed[-1]),
        saved=Span(*last),
        net=Span(*(None if value is None else value - float(fixed[-1]) for value in last)),
        break_even=Span(first(saved), first(high), first(low)),
        currency=currency,
        level=level,
    )
