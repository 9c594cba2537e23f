"""Hours and money: the time of labeling with its interval, and the hours and money of saved labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.measuring.planning.times import FEW, Timed, idle_bound, labeling_times, usable_seconds
from activessl.measuring.savings.savings import Savings


@dataclass(frozen=True, slots=True)
class AnnotatorTime:
    """The time of one annotator.

    Attributes:
        annotator: Name of the annotator.
        answers: Number of answers, including skips and repeated answers.
        median: Median recorded seconds of an answer; None where no time was usable.
        seconds: Total, with idle times cut and missing times filled in.
        cut: Number of answers whose time was cut.
        filled: Number of answers without a usable time, which count with a median.
    """

    annotator: str
    answers: int
    median: float | None
    seconds: float
    cut: int
    filled: int


@dataclass(frozen=True, slots=True)
class HumanTime:
    """The time of labeling.

    Attributes:
        seconds: Total, with idle times cut and missing times filled in.
        raw: Total as recorded, without cutting or filling.
        labels: Items with a label.
        answers: All answers, including skips and repeats; their time counts.
        skips: Answers that were skips.
        repeats: Answers with a label beyond the first of an item.
        cut: Answers whose time was cut as idle.
        filled: Answers without a usable time, which count with a median.
        confirmed: Items that were answered as part of a cluster; their time is included only in ``seconds`` and
            ``raw``.
        per_label: Seconds for each item that was labeled on its own, including skips and repeats.
        low: Lower end of the interval of ``per_label``.
        high: Upper end of that interval.
        level: Probability of the interval.
        people: Times by annotator, the most answers first.
    """

    seconds: float
    raw: float
    labels: int
    answers: int
    skips: int
    repeats: int
    cut: int
    filled: int
    per_label: float
    low: float
    high: float
    level: float
    people: tuple[AnnotatorTime, ...]
    confirmed: int = 0

    @property
    def hours(self) -> float:
        """The total in hours."""
        return self.seconds / 3600

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {**asdict(self), "hours": self.hours}


def human_time(answers: Iterable[Answer], *, rng: np.random.Generator, level: float = 0.9) -> HumanTime:
    """Add up the recorded times of all annotators, with skips and repeats, robust to screens that were left open.

    The times are those of ``labeling_times``. The interval of the seconds per label resamples answers within each
    annotator; annotators with fewer than 5 answers are resampled together.

    Args:
        answers: Valid answers; imported answers and deletions are left out.
        rng: Random numbers of the resampling.
        level: Probability of the interval.

    Raises:
        MeasureError: No answers, no labels among them, or no usable time in any.

    Example:
        >>> from datetime import UTC, datetime
        >>> def said(i, seconds):
        ...     return Answer(f"k{i}", f"s{i}", f"item{i}", "label", ("cat",), "ann", seconds, datetime.now(UTC))
        >>> time = human_time([said(i, 4.0) for i in range(9)] + [said(9, 28800.0)], rng=np.random.default_rng(0))
        >>> time.seconds, time.raw, time.filled  # eight hours were not labeling
        (40.0, 28836.0, 1)
    """
    given = [a for a in answers if a.kind != "delete" and not a.imported]
    single = [a for a in given if not a.cluster]
    labeled = [a for a in single if a.kind == "label"]
    if not labeled:
        raise MeasureError("no labels to compute a time per label from", hint="label some items first")
    times = labeling_times(given)
    if all(t.answer.cluster for t in times):
        raise MeasureError(
            f"none of {len(single)} answers has a usable time",
            hint="let the labeling tool record times, or state hours",
        )
    by_person: dict[str, list[Timed]] = {}
    for timed in times:
        if not timed.answer.cluster:
            by_person.setdefault(timed.answer.annotator, []).append(timed)
    people = tuple(_person(who, theirs) for who, theirs in by_person.items())

    labels = len({a.item for a in labeled})
    # a single answer has no variance: annotators with few answers are resampled together
    cleaned = [np.array([t.seconds for t in theirs]) for theirs in by_person.values()]
    total = float(sum(c.sum() for c in cleaned))
    few = [clean for clean in cleaned if len(clean) < FEW]
    samples = [clean for clean in cleaned if len(clean) >= FEW] + ([np.concatenate(few)] if few else [])
    draws = np.sum([_resampled(clean, rng) for clean in samples], axis=0)
    tail = (1 - level) / 2
    return HumanTime(
        seconds=float(sum(t.seconds for t in times)),
        raw=float(sum(a.seconds for a in given if a.seconds is not None and np.isfinite(a.seconds) and a.seconds > 0)),
        labels=labels,
        answers=len(single),
        skips=len(single) - len(labeled),
        repeats=len(labeled) - labels,
        cut=sum(p.cut for p in people),
        filled=sum(p.filled for p in people),
        per_label=total / labels,
        low=float(np.quantile(draws, tail)) / labels,
        high=float(np.quantile(draws, 1 - tail)) / labels,
        level=level,
        people=tuple(sorted(people, key=lambda p: (-p.answers, p.annotator))),
        confirmed=len(given) - len(single),
    )


def _person(who: str, times: Sequence[Timed]) -> AnnotatorTime:
    own = [usable_seconds(t.answer) for t in times if t.how != "filled"]
    return AnnotatorTime(
        annotator=who,
        answers=len(times),
        median=float(np.median(own)) if own else None,
        seconds=float(sum(t.seconds for t in times)),
        cut=sum(t.how == "cut" for t in times),
        filled=sum(t.how == "filled" for t in times),
    )


@dataclass(frozen=True, slots=True)
class Tax:
    """How much longer the items that a strategy chose take than random items.

    Attributes:
        ratio: Geometric mean ratio of times within annotators; 1 = no difference.
        low: Lower end of the interval of the ratio.
        high: Upper end of that interval.
        chosen: Number of chosen items measured.
        drawn: Number of random items measured.
    """

    ratio: float
    low: float
    high: float
    chosen: int
    drawn: int


def difficulty_tax(
    chosen: Sequence[Answer], drawn: Sequence[Answer], *, rng: np.random.Generator, level: float = 0.9
) -> Tax:
    """Measure the tax against the random share of the project, within annotators, so that their speeds cancel out.

    Args:
        chosen: Answers about items that the strategy chose.
        drawn: Answers about items that were drawn at random.
        rng: Random numbers of the resampling.
        level: Probability of the interval.

    Raises:
        MeasureError: No annotator with at least 3 usable times of each kind.
    """
    pairs: list[tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]]] = []
    for who in sorted({a.annotator for a in chosen} & {a.annotator for a in drawn}):
        ours = np.log([t for t in (usable_seconds(a) for a in chosen if a.annotator == who) if t > 0])
        theirs = np.log([t for t in (usable_seconds(a) for a in drawn if a.annotator == who) if t > 0])
        if len(ours) >= 3 and len(theirs) >= 3:
            both = np.exp(np.concatenate([ours, theirs]))
            bound = np.log(idle_bound(both.tolist()))
            pairs.append((np.minimum(ours, bound), np.minimum(theirs, bound)))
    if not pairs:
        raise MeasureError(
            "no annotator has 3 timed answers on chosen items and 3 on random items",
            hint="keep a random share, and label more of it",
        )
    weights = np.array([1 / (1 / len(a) + 1 / len(b)) for a, b in pairs])

    def ratio(means: Sequence[tuple[Any, Any]]) -> Any:
        return sum(w * (a - b) for w, (a, b) in zip(weights, means, strict=True)) / weights.sum()

    resampled = ratio([(_resampled(a, rng) / len(a), _resampled(b, rng) / len(b)) for a, b in pairs])
    tail = (1 - level) / 2
    return Tax(
        ratio=float(np.exp(ratio([(a.mean(), b.mean()) for a, b in pairs]))),
        low=float(np.exp(np.quantile(resampled, tail))),
        high=float(np.exp(np.quantile(resampled, 1 - tail))),
        chosen=sum(len(a) for a, _ in pairs),
        drawn=sum(len(b) for _, b in pairs),
    )


@dataclass(frozen=True, slots=True)
class HoursSaved:
    """Saved labels as hours, and as money where a rate is known.

    Attributes:
        ours: Hours for the labels of the strategy; None where its curve does not reach the target.
        baseline: Hours for the labels of the baseline; a lower bound where its curve does not reach the target.
        saved: Share of hours saved; None where it is undefined.
        low: Lower end of the interval of ``saved``; None where it is not bounded.
        high: Upper end of that interval; None where it is not bounded.
        money: Saved money; None without a rate.
        currency: Currency of the money.
        tax: Time of a chosen item divided by that of a random item.
        tax_measured: True if the tax was measured in this project, False if it is an assumption.
        kind: How to read the saving, as in ``Savings``.
    """

    ours: float | None
    baseline: float | None
    saved: float | None
    low: float | None
    high: float | None
    money: float | None
    currency: str | None
    tax: float
    tax_measured: bool
    kind: str

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def hours_saved(
    labels: Savings,
    seconds_per_label: float,
    *,
    tax: float | Tax = 1.0,
    evaluation_labels: int = 0,
    baseline_evaluation_labels: int = 0,
    per_hour: float | None = None,
    currency: str | None = None,
) -> HoursSaved:
    """Convert labels saved into hours and money saved.

    Args:
        labels: The saving in labels.
        seconds_per_label: Seconds for a random item, > 0.
        tax: Time of a chosen item divided by that of a random item, > 0: measured, or an assumption.
        evaluation_labels: Labels of the strategy beside the training labels, to measure that the target is reached.
        baseline_evaluation_labels: The same for the baseline.
        per_hour: Cost of an hour, >= 0.
        currency: Currency of ``per_hour``.

    Raises:
        MeasureError: Seconds or tax that are not above 0, or a rate without a currency.

    Example:
        >>> labels = Savings(0.9, 60.0, 100.0, 0.4, 0.3, 0.5, 0.9, "measured", False, 200, 20)
        >>> found = hours_saved(labels, 36.0, tax=1.25, per_hour=20.0, currency="EUR")
        >>> found.ours, found.baseline, found.saved, round(found.money, 6)
        (0.75, 1.0, 0.25, 5.0)
    """
    ratio = tax.ratio if isinstance(tax, Tax) else float(tax)
    if not seconds_per_label > 0 or not np.isfinite(seconds_per_label) or not ratio > 0 or not np.isfinite(ratio):
        raise MeasureError(
            f"{seconds_per_label} seconds per label at a tax of {ratio}", hint="give a time and a tax above 0"
        )
    if per_hour is not None and currency is None:
        raise MeasureError(f"a rate of {per_hour} without a currency", hint="name the currency")
    n = labels.labels if labels.labels is not None else float(labels.budget)
    m = labels.baseline_labels if labels.baseline_labels is not None else float(labels.budget)
    ours = (n * ratio + evaluation_labels) * seconds_per_label / 3600
    theirs = (m + baseline_evaluation_labels) * seconds_per_label / 3600

    def worth(share: float | None, factor: float) -> float | None:
        # the share of labels saved as a share of hours: 1 - N/M becomes 1 - (N t + e) / (M + f)
        if share is None:
            return None
        return 1 - ((1 - share) * m * factor + evaluation_labels) / (m + baseline_evaluation_labels)

    known = labels.kind != "undefined"
    worst, best = (tax.high, tax.low) if isinstance(tax, Tax) else (ratio, ratio)
    return HoursSaved(
        ours=ours if labels.labels is not None else None,
        baseline=theirs if known else None,
        saved=1 - ours / theirs if known else None,
        low=worth(labels.low, worst),
        high=worth(labels.high, best),
        money=(theirs - ours) * per_hour if per_hour is not None and known else None,
        currency=currency,
        tax=ratio,
        tax_measured=isinstance(tax, Tax),
        kind=labels.kind,
    )


def _resampled(values: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " r"]:
    """Sums of 1,000 resamples, computed in parts so that memory does not grow with the answers."""
    n, step = len(values), max(1, 1_000_000 // len(values))
    sizes = [min(step, 1000 - start) for start in range(0, 1000, step)]
    return np.concatenate([values[rng.integers(0, n, (size, n))].sum(axis=1) for size in sizes])
