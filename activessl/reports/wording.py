"""How figures are said: one place, so that text, page and terminal never disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activessl.ledger.schema import RECALL, Check, Decided
from activessl.measuring.quality.classes import ClassQuality, mean_recall, weakest
from activessl.measuring.savings.estimated import LiveSavings

if TYPE_CHECKING:  # `status` says what is known without what it takes to plan
    from activessl.measuring.planning.plan import Plan, Span
    from activessl.measuring.planning.roi import Roi
    from activessl.measuring.savings.savings import Savings


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence on top.

    Attributes:
        text: Such as "40 labels instead of 100".
        figure: The large figure beside it, such as "60 %"; empty where there is none.
        figure_name: What the figure is, such as "of the labels saved".
        detail: Interval and sample.
        proven: True only if the interval lies above zero.
    """

    text: str
    figure: str
    figure_name: str
    detail: str
    proven: bool


def headline(savings: Savings | None, labels: int, live: LiveSavings | None = None) -> Headline:
    """Say a saving as it is: measured, a bound, estimated, none, or unknown.

    Example:
        >>> from activessl.measuring.savings.savings import Savings
        >>> found = headline(Savings(0.9, 40.0, 100.0, 0.6, 0.5, 0.66, 0.9, "measured", False, 200, 20), 40)
        >>> found.text, found.figure, found.proven
        ('40 labels instead of 100', '60 %', True)
        >>> headline(None, 40).text
        '40 labels so far; what random labeling would have needed was not measured'
    """
    if savings is None and live is not None:
        return _estimated(live)
    if savings is None:
        return Headline(
            f"{labels:,} labels so far; what random labeling would have needed was not measured", "", "", "", False
        )
    goal = f"for {percent(savings.target, 1)} accuracy"
    sample = f"{savings.seeds} seeds" if savings.seeds != 1 else "1 seed, so without an interval"
    interval = _interval(savings)
    detail = f"{goal}; {interval + ', ' if interval else ''}{sample}"
    if savings.kind == "undefined" or savings.saved is None:
        return Headline(
            f"Neither our choice nor random choice arrives within {savings.budget:,} labels", "", "", detail, False
        )
    proven = savings.low is not None and savings.low > 0
    most = "At most " if savings.at_first else ""
    if savings.kind == "at_most" or savings.labels is None:
        return Headline(
            f"More than {savings.budget:,} labels instead of {savings.baseline_labels or 0:,.0f}: nothing is saved",
            "",
            "",
            detail,
            False,
        )
    if savings.kind == "at_least" or savings.baseline_labels is None:
        text = f"{most}{savings.labels:,.0f} labels instead of more than {savings.budget:,}"
        return Headline(text, f"≥ {percent(savings.saved)}", "of the labels saved", detail, proven)
    text = f"{most}{savings.labels:,.0f} labels instead of {savings.baseline_labels:,.0f}"
    if savings.saved < 0:
        return Headline(f"{text}: nothing is saved", "", "", detail, False)
    if savings.seeds > 1 and not proven:
        detail += "; the interval does not exclude that nothing is saved"
    return Headline(text, percent(savings.saved), "of the labels saved", detail, proven)


def _estimated(live: LiveSavings) -> Headline:
    """A saving that nobody has measured: never without the word."""
    interval = f"{percent(live.level)} interval {percent(live.low)} to {percent(live.high)}"
    detail = f"estimated, not measured; {interval}, from {live.prior} and {live.random_labels} random labels"
    if live.saved <= 0:
        return Headline(f"{live.labels:,} labels so far; nothing seems to be saved", "", "", detail, False)
    text = f"{live.labels:,} labels so far; random labeling would have needed about {live.baseline_labels:,.0f}"
    proven = live.own_low > 0  # by the project itself: what was expected beforehand proves nothing
    if not proven:
        detail += "; the project's own labels do not exclude that nothing is saved"
    return Headline(text, f"≈ {percent(live.saved)}", "of the labels saved, estimated", detail, proven)


def weakest_text(rows: Sequence[tuple[str, ClassQuality | None]]) -> str:
    """How good the model is at the class that it is worst at, and over all classes; empty where nothing was measured.

    Example:
        >>> from activessl.measuring.quality.classes import Share
        >>> weakest_text([("cat", ClassQuality(Share(0.41, 0.22, 0.63, 17), None)), ("dog", ClassQuality(None, None))])
        'lowest recall: cat, 41 % (22 to 63 %, from 17)'
    """
    known = [(name, quality) for name, quality in rows if quality is not None]
    qualities = [quality for _, quality in known]
    worst = weakest(qualities)
    recall = None if worst is None else qualities[worst].recall
    if worst is None or recall is None:
        return ""
    mean = mean_recall(qualities)
    over = "" if mean is None or len(known) < len(rows) else f"{percent(mean, 1)} mean recall; "
    share, _, rest = recall.to_text().partition(" (")
    return f"{over}lowest recall: {known[worst][0]}, {share} ({rest}"


def classes_from(qualities: Sequence[ClassQuality], tested: int) -> str:
    """What the qualities of the classes were measured on; empty where they were not.

    Args:
        qualities: Of the classes.
        tested: How many test items that were; 0 where it were random labels.
    """
    if not qualities:
        return ""
    return f"on {tested:,} test items" if tested else "on random labels"


def check_rows(checks: Sequence[Check]) -> list[tuple[str, str, str, str, str]]:
    """The figures of a gate, a row each: name and verdict, value, interval, bound, sample."""

    def said(name: str, value: float | None) -> str:
        if value is None:
            return "–"
        return hours_text(value) if name.startswith("hours") else percent(value, 1)

    rows = []
    for check in checks:
        verdict = {True: "met", False: "not met", None: "not known"}[check.passed]
        spread = (
            "–"
            if check.low is None and check.high is None
            else (f"{said(check.name, check.low)} to {said(check.name, check.high)}")
        )
        sign = "≤" if check.name.startswith("hours") else "≥"
        asked = f"{sign} {said(check.name, check.bound)}" + (
            " (lower end)" if check.name in ("accuracy", RECALL) else ""
        )
        rows.append((f"{check.name}: {verdict}", said(check.name, check.value), spread, asked, check.sample))
    return rows


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage.

    Example:
        >>> percent(0.1234, 1)
        '12.3 %'
    """
    # -0 is written as 0
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %"


def amount(money: float, currency: str) -> str:
    """An amount of money: cents only while they matter.

    Example:
        >>> amount(1234.5, "EUR"), amount(9.5, "EUR")
        ('EUR 1,234', 'EUR 9.50')
    """
    return f"{currency} {money:,.0f}" if abs(money) >= 100 else f"{currency} {money:,.2f}"


def hours_text(hours: float) -> str:
    """A span of time in the unit that a person would use.

    Example:
        >>> hours_text(0.01), hours_text(0.5), hours_text(3.25)
        ('36 s', '30 min', '3.2 h')
    """
    seconds = hours * 3600
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if hours < 1.5 else f"{hours:,.1f} h"


def _interval(savings: Savings) -> str:
    level = f"{100 * savings.level:.0f} % interval"
    if savings.low is not None and savings.high is not None:
        return f"{level} {percent(savings.low)} to {percent(savings.high)}"
    if savings.low is not None:
        return f"{level} from {percent(savings.low)} up"
    return f"{level} up to {percent(savings.high)}" if savings.high is not None else ""


def span_text(span: Span, text: Callable[[float], str], *, level: float, never: str) -> str:
    """A median with its interval.

    Example:
        >>> from activessl.measuring.planning.plan import Span
        >>> span_text(Span(10.0, 5.0, None), lambda n: f"{n:.0f}", level=0.9, never="not within the pool")
        '10 (90 % interval 5 to not within the pool)'
        >>> span_text(Span(None, None, None), str, level=0.9, never="not yet")
        'not yet'
    """
    if span.middle is None and span.low is None and span.high is None:
        return never
    middle, low, high = (never if value is None else text(value) for value in (span.middle, span.low, span.high))
    return f"{middle} ({percent(level)} interval {low} to {high})"


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """A plan in words, every figure with its interval: name and text of each line."""
    never = "more than the pool has"

    def said(span: Span, text: Callable[[float], str]) -> str:
        return span_text(span, text, level=plan.level, never=never)

    def share(value: float) -> str:
        return percent(value, 1)

    lines = [
        ("now", f"{said(plan.now, share)} with {plan.labels:,} labels"),
        ("all labeled", f"{said(plan.most, share)} with all {plan.pool:,}"),
    ]
    if plan.hopeless:
        gives = f"{percent(plan.reachable)} of the curves that agree with the labels arrive within the pool"
        lines.append(("target", f"{share(plan.target)} seems out of reach: {gives}"))
    else:
        arrive = f"{percent(plan.reachable)} of the curves arrive within the pool"
        lines.append(("more labels", f"{said(plan.more, lambda n: f'{n:,.0f}')}; {arrive}"))
        hours = "not known: no times were recorded" if plan.hours is None else said(plan.hours, hours_text)
        lines.append(("more hours", hours))
        currency = plan.currency
        if plan.money is not None and currency is not None:
            lines.append(("more money", said(plan.money, lambda m: amount(m, currency))))
    if plan.hours_per_point is not None:
        lines.append(("next point", f"of accuracy takes {said(plan.hours_per_point, hours_text)}"))
    if plan.still_pays is not None:
        if not plan.still_pays:
            worth = "costs more than the accuracy that it adds is worth"
        elif plan.pays_until is None:
            worth = "is worth its price, to the end of the pool"
        else:
            worth = f"is worth its price, until about {plan.pays_until:,} labels"
        lines.append(("next hour", f"{worth}, by the model's own doubt and a usual curve"))
    source = (
        f"{plan.random_labels} random labels, by curves that flatten as learning curves do; the pace is taken to stay"
    )
    return [*lines, ("rests on", source)]


def roi_lines(roi: Roi) -> list[tuple[str, str]]:
    """Money in words, every estimate with its interval."""

    def money(value: float) -> str:
        return f"-{amount(-value, roi.currency)}" if value < 0 else amount(value, roi.currency)

    def said(span: Span) -> str:
        return span_text(span, money, level=roi.level, never="not bounded")

    never = "not yet"
    even = span_text(roi.break_even, lambda n: f"round {n:.0f}", level=roi.level, never=never)
    return [
        ("spent", f"{money(roi.labeling)} on labels, {money(roi.fixed)} on setting up and computing"),
        ("saved", f"{said(roi.saved)}, estimated"),
        ("net", f"{said(roi.net)}, estimated"),
        ("even after", f"{even}, if every round saved alike"),
    ]


def people(count: int) -> str:
    """So many people.

    Example:
        >>> people(0), people(1)
        ('0 people', '1 person')
    """
    return f"{count} {'person' if count == 1 else 'people'}"


def gate_line(decision: Decided) -> str:
    """A gate's decision in a sentence."""
    figures = "; ".join(f"{row[0]} ({row[1]}, asked for {row[3]})" for row in check_rows(decision.checks))
    who = f"{decision.labels:,} labels by {people(len(decision.annotators))}, model {decision.model}"
    note = f"; {decision.note}" if decision.note else ""
    return f"{decision.stage}: {decision.decision}; {figures}; {who}{note}"
