"""The wording of all figures, in one place: text, page and terminal always agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activessl.arguments import listed
from activessl.ledger.schema import RECALL, Check, Decided
from activessl.measuring.quality.classes import ClassQuality, mean_recall, weakest
from activessl.measuring.savings.estimated import LiveSavings

if TYPE_CHECKING:  # `status` needs no planning code
    from activessl.annotators.base import Note
    from activessl.labels.kinds import Person
    from activessl.ledger.history import RoundHistory
    from activessl.measuring.planning.hours import HumanTime
    from activessl.measuring.planning.plan import Plan, Span
    from activessl.measuring.planning.roi import Roi
    from activessl.measuring.quality.audit import Audit
    from activessl.measuring.quality.tested import Tested
    from activessl.measuring.savings.savings import Savings


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline of a report.

    Attributes:
        text: Such as "40 labels instead of 100".
        figure: The large figure beside the text, such as "60 %"; empty without one.
        figure_name: Meaning of the figure, such as "of the labels saved".
        detail: Interval and sample.
        proven: True only if the interval lies above zero.
    """

    text: str
    figure: str
    figure_name: str
    detail: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How good the model is, and what it cost: what a report says first.

    Attributes:
        text: Such as "93.1 % accuracy with 240 labels and 18 min of labeling".
        figure: The accuracy; empty where it is not measured.
        detail: Interval and sample; where accuracy is not measured, what is missing.
    """

    text: str
    figure: str
    detail: str


def standing(
    labels: int, accuracy: Audit | None, tested: Tested | None, time: HumanTime | None, *, cost: str, missing: str
) -> Standing:
    """Word the accuracy with its cost.

    Args:
        labels: Labeled items.
        accuracy: On the pool; None where it is not measured.
        tested: On test data, which come first; None without.
        time: Labeling time; None where none is recorded.
        cost: The cost of this time; empty where it is not known.
        missing: What is missing to measure the accuracy, in words.

    Example:
        >>> standing(8, None, None, None, cost="", missing="not measured yet: 8 of 10 random labels").text
        '8 labels; the accuracy is not measured yet'
    """
    spent = f"{labels:,} label{'s' * (labels != 1)}"
    if time is not None:
        spent += f" and {hours_text(time.hours)} of labeling" + (f" ({cost})" if cost else "")
    if tested is not None:
        low, high = tested.interval
        share, sample = tested.accuracy, f"{percent(low, 1)} to {percent(high, 1)} (90 % interval)"
        detail = f"{sample}, from {tested.items:,} test items"
    elif accuracy is not None:
        share, sample = accuracy.accuracy, f"{percent(accuracy.low, 1)} to {percent(accuracy.high, 1)}"
        detail = f"{sample} ({percent(accuracy.level)} interval), from {accuracy.labels:,} random labels"
    else:
        return Standing(f"{spent}; the accuracy is not measured yet", "", f"accuracy: {missing}" if missing else "")
    return Standing(f"{percent(share, 1)} accuracy with {spent}", percent(share, 1), f"accuracy {detail}")


def headline(savings: Savings | None, labels: int, live: LiveSavings | None = None) -> Headline:
    """Word a saving as what it is: measured, a bound, estimated, none, or not measured.

    Example:
        >>> from activessl.measuring.savings.savings import Savings
        >>> found = headline(Savings(0.9, 40.0, 100.0, 0.6, 0.5, 0.66, 0.9, "measured", False, 200, 20), 40)
        >>> found.text, found.figure, found.proven
        ('40 labels instead of 100', '60 %', True)
        >>> headline(None, 40).text
        '40 labels so far; the labels saved are not measured'
    """
    if savings is None and live is not None:
        return _estimated(live)
    if savings is None:
        return Headline(f"{labels:,} labels so far; the labels saved are not measured", "", "", "", False)
    goal = f"for {percent(savings.target, 1)} accuracy"
    sample = f"{savings.seeds} seeds" if savings.seeds != 1 else "1 seed, therefore no interval"
    interval = _interval(savings)
    detail = f"{goal}; {interval + ', ' if interval else ''}{sample}"
    if savings.kind == "undefined" or savings.saved is None:
        text = f"{savings.budget:,} labels are too few for the target, chosen by activessl and chosen at random"
        return Headline(text, "", "", detail, False)
    proven = savings.low is not None and savings.low > 0
    most = "At most " if savings.at_first else ""
    if savings.kind == "at_most" or savings.labels is None:
        return Headline(
            f"More than {savings.budget:,} labels instead of {savings.baseline_labels or 0:,.0f}: no labels are saved",
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
        return Headline(f"{text}: no labels are saved", "", "", detail, False)
    if savings.seeds > 1 and not proven:
        detail += "; the interval includes 0 %, so the saving is not proven"
    return Headline(text, percent(savings.saved), "of the labels saved", detail, proven)


def _estimated(live: LiveSavings) -> Headline:
    """Word a saving that is not measured; the text always contains "estimated"."""
    interval = f"{percent(live.level)} interval {live.interval_text()}"
    detail = f"estimated, not measured; {interval}, from {live.random_labels} random labels and {live.prior}"
    if live.saved <= 0:
        return Headline(f"{live.labels:,} labels so far; no labels saved, by the estimate", "", "", detail, False)
    text = f"{live.labels:,} labels so far; random choice needs about {live.baseline_labels:,.0f} for the same accuracy"
    proven = live.own_low > 0  # only the project's own random labels prove a saving, the prior does not
    if not proven:
        detail += "; the random labels alone do not prove a saving yet"
    return Headline(text, f"≈ {percent(live.saved)}", "of the labels saved, estimated", detail, proven)


def weakest_text(rows: Sequence[tuple[str, ClassQuality | None]]) -> str:
    """Word the mean recall and the lowest recall of a class; empty where recall is not measured.

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
    """Word the sample on which recall and precision are measured; empty where they are not measured.

    Args:
        qualities: Recall and precision of each class.
        tested: Number of test items; 0 where the sample is random labels.
    """
    if not qualities:
        return ""
    return f"on {tested:,} test items" if tested else "on random labels"


def check_rows(checks: Sequence[Check]) -> list[tuple[str, str, str, str, str]]:
    """Return the figures of a gate, a row each: name and verdict, value, interval, bound, sample."""

    def said(name: str, value: float | None) -> str:
        if value is None:
            return "–"
        return hours_text(value) if name.startswith("hours") else percent(value, 1)

    rows = []
    for check in checks:
        verdict = {True: "met", False: "not met", None: "not enough evidence"}[check.passed]
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
    """Format a share as a percentage.

    Example:
        >>> percent(0.1234, 1)
        '12.3 %'
    """
    # -0 is written as 0
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %"


def amount(money: float, currency: str) -> str:
    """Format an amount of money; with cents below 100.

    Example:
        >>> amount(1234.5, "EUR"), amount(9.5, "EUR")
        ('EUR 1,234', 'EUR 9.50')
    """
    return f"{currency} {money:,.0f}" if abs(money) >= 100 else f"{currency} {money:,.2f}"


def hours_text(hours: float) -> str:
    """Format a span of time in seconds, minutes or hours.

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
    """Format a median with its interval; ``never`` stands for an end that has no value.

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


def _within(span: Span, text: Callable[[float], str], *, level: float, pool: str) -> str:
    """Format a median with its interval; an end without a value lies beyond the pool.

    Example:
        >>> from activessl.measuring.planning.plan import Span
        >>> _within(Span(None, 5.0, None), lambda n: f"{n:.0f}", level=0.9, pool="the 40 unlabeled items")
        'not known within the 40 unlabeled items: the 90 % interval begins at 5 and has no upper end there'
        >>> _within(Span(10.0, 5.0, None), lambda n: f"{n:.0f}", level=0.9, pool="the 40 unlabeled items")
        '10 (90 % interval from 5, without an upper end within the 40 unlabeled items)'
    """
    if span.middle is None:
        if span.low is None:
            return f"not known within {pool}"
        begins = f"the {percent(level)} interval begins at {text(span.low)} and has no upper end there"
        return f"not known within {pool}: {begins}"
    if span.high is None and span.low is not None:
        begins = f"{percent(level)} interval from {text(span.low)}"
        return f"{text(span.middle)} ({begins}, without an upper end within {pool})"
    return span_text(span, text, level=level, never="–")


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """Word a plan: name and text of each line, every figure with its interval."""

    def said(span: Span, text: Callable[[float], str]) -> str:
        return span_text(span, text, level=plan.level, never="–")

    def needed(span: Span, text: Callable[[float], str]) -> str:
        left = plan.pool - plan.labels
        pool = f"the pool of {left:,} unlabeled item{'s' * (left != 1)}"
        return _within(span, text, level=plan.level, pool=pool)

    def share(value: float) -> str:
        return percent(value, 1)

    lines = [
        ("now", f"accuracy {said(plan.now, share)} with {plan.labels:,} labels"),
        ("all labeled", f"accuracy {said(plan.most, share)} with all {plan.pool:,} items labeled"),
    ]
    if plan.hopeless:
        few = "fewer than 1 %" if plan.reachable < 0.01 else f"only {percent(plan.reachable)}"
        curves = (
            f"{few} of the fitted learning curves reach"
            if plan.reachable
            else "none of the fitted learning curves reaches"
        )
        gives = f"{curves} it with the whole pool labeled"
        lines.append(("target", f"{share(plan.target)} cannot be reached with this pool and encoder: {gives}"))
    else:
        reach = f"{percent(plan.reachable)} of the fitted learning curves reach the target with this pool"
        lines.append(("more labels", f"{needed(plan.more, lambda n: f'{n:,.0f}')}; {reach}"))
        hours = "not known: no labeling times are recorded" if plan.hours is None else needed(plan.hours, hours_text)
        lines.append(("more hours", hours))
        currency = plan.currency
        if plan.money is not None and currency is not None:
            lines.append(("more money", needed(plan.money, lambda m: amount(m, currency))))
    if plan.hours_per_point is not None:
        lines.append(("next point", f"{said(plan.hours_per_point, hours_text)} for 1 percentage point more accuracy"))
    if plan.still_pays is not None:
        if not plan.still_pays:
            worth = "costs more than the added accuracy is worth"
        else:
            until = "for the rest of the pool" if plan.pays_until is None else f"until about {plan.pays_until:,} labels"
            worth = f"costs less than the added accuracy is worth, {until}"
            if plan.hopeless:  # else the two lines seem to contradict each other
                worth += ", although the target cannot be reached"
        lines.append(("next hour", f"{worth} (from the model's confidence and a typical learning curve)"))
    source = f"{plan.random_labels} random labels and the learning curves that fit them"
    if plan.test_items:
        source = (
            f"{plan.test_items:,} test items for the accuracy now, {plan.random_labels} random labels for the curves"
        )
    if plan.hours is not None:
        source += "; assumes that the time for each label stays the same"
    return [*lines, ("based on", source)]


def roi_lines(roi: Roi) -> list[tuple[str, str]]:
    """Word the money so far: name and text of each line, every estimate with its interval."""

    def money(value: float) -> str:
        return f"-{amount(-value, roi.currency)}" if value < 0 else amount(value, roi.currency)

    def said(span: Span) -> str:
        return span_text(span, money, level=roi.level, never="not bounded")

    even = span_text(roi.break_even, lambda n: f"round {n:.0f}", level=roi.level, never="not reached yet")
    return [
        ("spent", f"{money(roi.labeling)} on labeling, {money(roi.fixed)} on setup and computing"),
        ("saved", f"{said(roi.saved)}, estimated"),
        ("net", f"{said(roi.net)}, estimated"),
        ("break-even", f"{even}, if every round saves the same share of labels"),
    ]


def people(count: int) -> str:
    """Format a number of people.

    Example:
        >>> people(0), people(1)
        ('0 people', '1 person')
    """
    return f"{count} {'person' if count == 1 else 'people'}"


def skipped_text(of: RoundHistory) -> str:
    """Word a round in which every question was skipped."""
    count = len(of.questions)
    what = "the only question was" if count == 1 else f"all {count:,} questions were"
    return f"round {of.number}: {what} skipped"


def note_lines(notes: Iterable[Note]) -> list[str]:
    """Word the notes of a pull: each problem once, with the items that it is about.

    Example:
        >>> from activessl.annotators.base import Note
        >>> note_lines([Note("1", "a.png", "is empty"), Note("2", "b.png", "is empty"), Note("2", "b.png", "is empty")])
        ['2 answers: is empty (a.png, b.png)']
    """
    about: dict[str, dict[str, None]] = {}
    for note in notes:
        about.setdefault(note.what, {})[note.question] = None
    return [
        f"{len(questions):,} answer{'s' * (len(questions) > 1)}: {what} ({listed(questions, 3)})"
        for what, questions in about.items()
    ]


def reliability_text(person: Person) -> str:
    """Word the reliability of an annotator.

    Example:
        >>> from activessl.labels.kinds import Person
        >>> reliability_text(Person(0.912, 60))
        '91 % (from 60 answers about items that others labeled too)'
    """
    return f"{percent(person.reliability)} (from {person.compared:,} answers about items that others labeled too)"


def gate_text(decision: Decided) -> str:
    """Word a gate's decision with the figures that decide it, and a step for a gate that is open.

    Example:
        >>> from activessl.ledger.schema import Check
        >>> check = Check(name="accuracy", value=None, bound=0.8, passed=None, sample="too few random labels")
        >>> print(gate_text(Decided(stage="pilot", decision="open", checks=(check,), model="0", fingerprint="",
        ...                         digest="", labels=7, annotators={"ann": 7}, turn=9)))
        gate 'pilot' is open: accuracy is not measured (too few random labels), at least 80.0 % is needed; label more
        random items with `activessl query --strategy random`
    """
    verdict = {"go": "passed (go)", "no-go": "not passed (no-go)", "open": "open"}[decision.decision]
    unmet = [check for check in decision.checks if not check.passed]
    told = [_check_text(check) for check in unmet or decision.checks]
    open_ = [check for check in unmet if check.passed is None and "random labels" in check.sample]
    more = max((check.more or 0 for check in open_), default=0)
    if more:
        told.append(
            f"about {more:,} more random labels are enough to decide, if the value stays: "
            f"`activessl query --strategy random --size {more}`"
        )
    elif open_:
        told.append("label more random items with `activessl query --strategy random`")
    return f"gate {decision.stage!r} is {verdict}: {'; '.join(told)}"


def _check_text(check: Check) -> str:
    """Word the figure of a requirement, and what is needed."""
    hours = check.name.startswith("hours")

    def said(value: float) -> str:
        return hours_text(value) if hours else percent(value, 1)

    needed = f"at {'most' if hours else 'least'} {said(check.bound)}"
    if check.value is None:
        return f"{check.name} is not measured ({check.sample}), {needed} is needed"
    spread = ""
    if check.low is not None and check.high is not None:
        spread = f"90 % interval {said(check.low)} to {said(check.high)}, "
    value = f"{check.name} is {said(check.value)} ({spread}{check.sample})"
    return f"{value}, not yet known to be {needed}" if check.passed is None else f"{value}, {needed} is needed"


def earlier_text(count: int) -> str:
    """Word the number of earlier decisions about a gate.

    Example:
        >>> earlier_text(1), earlier_text(2)
        ('1 earlier decision is in the ledger', '2 earlier decisions are in the ledger')
    """
    return f"{count:,} earlier decision{' is' if count == 1 else 's are'} in the ledger"


def gate_line(decision: Decided) -> str:
    """Word a gate's decision with its figures, its labels and its model, in one line."""
    who = f"{decision.labels:,} labels by {people(len(decision.annotators))}, model {decision.model}"
    note = f"; {decision.note}" if decision.note else ""
    return f"{gate_text(decision)}; {who}{note}"
