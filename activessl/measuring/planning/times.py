"""The seconds that people spent on each answer, robust to screens that were left open. Needs no numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from statistics import median
from typing import Literal

from activessl.labels.answers import Answer

#: A time above this many seconds is not used, for any annotator: the screen was left open.
LONGEST = 1800.0
#: Times above median * exp(3 robust standard deviations of the logarithm) count as idle and are cut to this bound.
CUT = 3.0
#: Least robust standard deviation: an annotator with very regular times may still need a long time for one item.
LEAST_SPREAD = 0.5
#: Below this number of answers, the bound of an annotator's times comes from all annotators.
FEW = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """The time that counts for one answer.

    Attributes:
        answer: The answer.
        seconds: Its time.
        how: "recorded", "cut" (an idle time, cut to the bound of the annotator) or "filled" (no usable time was
            recorded; the annotator's median counts).
    """

    answer: Answer
    seconds: float
    how: Literal["recorded", "cut", "filled"]


def usable_seconds(answer: Answer) -> float:
    """Return the recorded seconds of an answer, 0 where they are not usable."""
    seconds = answer.seconds
    return float(seconds) if seconds is not None and isfinite(seconds) and 0 < seconds <= LONGEST else 0.0


def labeling_times(answers: Iterable[Answer]) -> tuple[Timed, ...]:
    """Compute the time of each answer: the one source of a project's labeling time.

    A time is usable if it is above 0 and at most half an hour. Usable times more than three robust standard deviations
    of the logarithm above the annotator's median are cut to that bound; missing and unusable times count with the
    annotator's median. An item of a cluster has the usable part of the cluster's time: in one sample with single items,
    these would look idle.

    Args:
        answers: Valid answers, including skips; imported answers and deletions are left out.

    Returns:
        In the order of the answers; without single answers if none of them has a usable time.

    Example:
        >>> from datetime import UTC, datetime
        >>> def said(i, seconds):
        ...     return Answer(f"k{i}", f"s{i}", f"item{i}", "label", ("cat",), "ann", seconds, datetime.now(UTC))
        >>> times = labeling_times([said(i, 4.0) for i in range(9)] + [said(9, 28800.0)])  # eight hours: no labeling
        >>> sum(t.seconds for t in times), times[-1].how
        (40.0, 'filled')
    """
    given = [a for a in answers if a.kind != "delete" and not a.imported]
    recorded: dict[str, list[float]] = {}
    for a in given:
        if not a.cluster:
            own = recorded.setdefault(a.annotator, [])
            if usable_seconds(a):
                own.append(usable_seconds(a))
    everybody = [seconds for own in recorded.values() for seconds in own]
    if not everybody:  # nothing is known of the time of single answers
        given = [a for a in given if a.cluster and usable_seconds(a)]
        recorded = {}
    bounds, fills = {}, {}
    for who, own in recorded.items():
        judge = own if len(own) >= FEW else everybody
        bounds[who] = idle_bound(judge)
        fills[who] = min(median(own or judge), bounds[who])

    def timed(a: Answer) -> Timed:
        seconds = usable_seconds(a)
        if a.cluster:
            return Timed(a, seconds, "recorded")
        if not seconds:
            return Timed(a, fills[a.annotator], "filled")
        bound = bounds[a.annotator]
        return Timed(a, bound, "cut") if seconds > bound else Timed(a, seconds, "recorded")

    return tuple(map(timed, given))


def labeling_hours(answers: Iterable[Answer]) -> float | None:
    """Hours of labeling, by ``labeling_times``; None if no time was recorded."""
    times = labeling_times(answers)
    return sum(timed.seconds for timed in times) / 3600 if times else None


def idle_bound(times: Sequence[float]) -> float:
    """The seconds above which a time counts as idle, from the times of one annotator, all above 0.

    Example:
        >>> round(idle_bound([4.0] * 9), 1)
        17.9
    """
    logs = [log(seconds) for seconds in times]
    middle = median(logs)
    spread = max(1.4826 * median(abs(value - middle) for value in logs), LEAST_SPREAD)
    return exp(middle + CUT * spread)
