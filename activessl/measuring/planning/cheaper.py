"""What machines saved and cost: labels, hours and money, each with an interval, or why it is not known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from activessl.measuring.machines.faster import Faster
from activessl.measuring.planning.plan import Span

#: Nothing is saved, and that is certain.
NOTHING = Span(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class MachinesWorth:
    """What the answers of machines saved in labels of people, and what they cost.

    Attributes:
        labels: Labels saved; below 0 where the machines cost labels; None where not known.
        hours: The same in hours of people; None without recorded times.
        saved: The same in money; None without rates.
        spent: What the answers cost.
        tokens: Tokens of the answers.
        answers: Number of answers, also of those that count as none.
        net: ``saved`` minus ``spent``; None without rates.
        currency: Currency of all amounts; None without rates.
        level: Probability of the intervals.
        heeded: The machines that the head heeds.
        censored: Whether more may be saved than the measured label counts can show.
        why: Why the labels saved are not known, or are none; else empty.
    """

    labels: Span | None
    hours: Span | None
    saved: Span | None
    spent: float
    tokens: int
    answers: int
    net: Span | None
    currency: str | None
    level: float
    heeded: tuple[str, ...] = ()
    censored: bool = False
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def machines_worth(
    found: Faster | None,
    *,
    heeded: tuple[str, ...],
    spent: float,
    outdated: bool = False,
    tokens: int = 0,
    answers: int = 0,
    seconds_per_label: float | None = None,
    per_hour: float | None = None,
    currency: str | None = None,
) -> MachinesWorth:
    """Turn the share of labels that machines save into labels, hours and money.

    Args:
        found: The share; None where it could not be measured.
        heeded: The machines that the head heeds.
        spent: What all answers cost, also of machines that are not heeded.
        outdated: Whether the next head will not heed all of them: then ``found`` is not about them.
        tokens: Tokens of all answers.
        answers: Number of all answers.
        seconds_per_label: Time of a person for a label; None where not known.
        per_hour: Cost of an hour of labeling; None where not known.
        currency: Currency of all amounts.

    Example:
        >>> found = machines_worth(
        ...     Faster(0.5, 0.25, 0.6, 0.9, 400, False), heeded=("m",), spent=3.0, seconds_per_label=9.0, per_hour=20.0,
        ...     currency="EUR",
        ... )
        >>> found.labels.middle, found.hours.low, found.net.middle
        (200.0, 0.25, 7.0)
        >>> machines_worth(None, heeded=(), spent=3.0, per_hour=20.0, seconds_per_label=9.0).net.middle
        -3.0
    """
    level, why, labels = 0.9, "", None
    if not heeded:
        labels, why = NOTHING, "the head heeds no machine"
    elif outdated:
        found, why = None, "labels or machines changed since the model was taught: run `activessl teach`"
    elif found is None:
        why = "fewer than 10 random labels show how good the head is with and without machines"
    else:
        level, labels = found.level, _scaled(Span(found.saved, found.low, found.high), found.labels)
    hours = None if labels is None or seconds_per_label is None else _scaled(labels, seconds_per_label / 3600)
    saved = None if hours is None or per_hour is None else _scaled(hours, per_hour)
    if not heeded and per_hour is not None:
        saved = NOTHING
    net = None if saved is None else Span(*(None if v is None else v - spent for v in _ends(saved)))
    return MachinesWorth(
        labels, hours, saved, spent, tokens, answers, net, currency, level, heeded,
        censored=found is not None and found.censored and bool(heeded), why=why,
    )  # fmt: skip


def _ends(span: Span) -> tuple[float | None, float | None, float | None]:
    return span.middle, span.low, span.high


def _scaled(span: Span, by: float) -> Span:
    return Span(*(None if v is None else v * by for v in _ends(span)))
