"""How figures are said: one place, so that text, page and terminal never disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activessl.ledger.schema import Check
from activessl.measuring.live import LiveSavings
from activessl.measuring.savings import Savings


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
    proven = live.low > 0
    if not proven:
        detail += "; the interval does not exclude that nothing is saved"
    return Headline(text, f"≈ {percent(live.saved)}", "of the labels saved, estimated", detail, proven)


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
        asked = f"{sign} {said(check.name, check.bound)}" + (" (lower end)" if check.name == "accuracy" else "")
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
