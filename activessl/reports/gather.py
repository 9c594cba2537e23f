"""Gather the report of a project: figures, assumptions, and what is not measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from activessl.errors import MeasureError
from activessl.labels.answers import Answer
from activessl.ledger.history import History, RoundHistory
from activessl.measuring.intervals import mean_interval
from activessl.measuring.planning.hours import HoursSaved, HumanTime, Tax, difficulty_tax, hours_saved
from activessl.measuring.planning.times import labeling_times
from activessl.measuring.quality.anchoring import Anchoring, anchoring
from activessl.measuring.quality.audit import Audit
from activessl.measuring.savings.live import LiveSavings
from activessl.measuring.savings.savings import Savings
from activessl.measuring.simulation.simulate import Simulation
from activessl.project.snapshot import Snapshot
from activessl.proof.confirmed import confirmed_count
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.measured import accuracy_on_test_data, unsaid_text
from activessl.proof.promise import promise_text
from activessl.proof.stopping import stop_now
from activessl.reports.pictures import label_of, readable_pool, reconstructed, sights, thumbnail
from activessl.reports.report import ClassRow, ItemRow, Line, Report, RoundRow
from activessl.reports.wording import classes_from, percent
from activessl.steps.relabel import Doubts

SHOWN_ITEMS = 24


def project_report(
    snapshot: Snapshot, *, arm: Simulation | None = None, savings: Savings | None = None, method: str = ""
) -> Report:
    """Make the report of a project.

    Args:
        snapshot: The project at one moment.
        arm: A replay of random choice on the same embeddings, where the true classes of the pool are known.
        savings: The labels saved, from that replay.
        method: The method of the replay, in one or two sentences.
    """
    config, history = snapshot.project.config, snapshot.history
    evidence = Evidence(snapshot)
    forecast = Forecast(evidence)
    time = forecast.time
    audit, live, _ = evidence.audit, evidence.live, evidence.classes
    evidence.keep()
    tax = _tax(snapshot)
    verdict = stop_now(snapshot, evidence)
    clusters = confirmed_count(history)
    followed = _anchoring(snapshot)
    return Report(
        title=config.annotator.title,
        made_at=datetime.now(UTC),
        items=len(snapshot.embeddings) if history.encoded else len(snapshot.project.pool()),
        classes=len(config.data.classes),
        labels=len(snapshot.training[0]) if history.encoded else len(history.labels),
        skipped=len(history.skipped),
        lines=tuple(_lines(snapshot, arm)),
        savings=savings,
        method=method,
        live=live,
        accuracy=audit,
        calibration=evidence.calibration,
        tested=accuracy_on_test_data(history),
        time=time,
        hours=_hours(savings, time, tax, config.rates.per_hour, config.rates.currency),
        per_hour=config.rates.per_hour,
        currency=config.rates.currency,
        rounds=tuple(_round_rows(snapshot)),
        class_rows=tuple(sorted(_class_rows(snapshot, evidence), key=_weakness)),
        classes_from=classes_from(evidence.classes, evidence.tested),
        item_rows=tuple(_item_rows(snapshot)),
        sights=tuple(sights(snapshot)),
        reconstructed=reconstructed(snapshot),
        suspects=() if history.encoded is None else tuple(Doubts(snapshot).suspects()),
        people=history.people,
        plan=forecast.goal(),
        roi=forecast.roi(),
        machine=len(history.machine),
        promise=promise_text(history),
        clusters="" if clusters is None else clusters.to_text(),
        anchoring=followed,
        decisions=history.decisions,
        verdict=verdict,
        assumptions=tuple(_assumptions(time, tax, None if savings else live)),
        not_measured=tuple(_not_measured(snapshot, arm, audit, live, evidence.newer_text, followed)),
        next_step="activessl export labels.csv" if verdict.stop else "activessl run",
        provenance={
            "activessl": version("activessl"),
            "encoder": "–" if history.encoded is None else f"{history.encoded.encoder} {history.encoded.fingerprint}",
            "fine-tuned": "–"
            if history.tuned is None
            else f"on {len(history.tuned.taught):,} labels, {history.tuned.why}",
            "head": config.head.name,
            "strategy": config.query.strategy,
            "random share": f"{config.query.random_share:.0%}",
            "seed": str(config.seed),
            "events in the ledger": f"{history.events:,}",
        },
    )


def _single(history: History) -> list[RoundHistory]:
    """Return the rounds of single questions that a strategy chose."""
    return [r for r in history.rounds if not r.audits and not r.confirms]


def _first_looks(history: History) -> Iterator[Answer]:
    """Yield labels that people gave when such a round asked about the item for the first time."""
    asked = {q.item for r in _single(history) for q in r.questions if q.asking == 1}
    for answer in history.answers.values():
        if answer.kind == "label" and not answer.imported and answer.first_look and answer.item in asked:
            yield answer


def _tax(snapshot: Snapshot) -> Tax | None:
    """Measure how much longer chosen items take than random ones; None with too few timed items."""
    drawn: list[Answer] = []
    chosen: list[Answer] = []
    # the last question about each item; items that were sent back by a cluster are neither chosen nor drawn
    asked = {q.item: q for r in _single(snapshot.history) for q in r.questions if q.asking == 1}
    for answer in _first_looks(snapshot.history):
        question = asked[answer.item]
        if question.propensity is not None:
            drawn.append(answer)
        elif not question.sent_back:
            chosen.append(answer)
    try:
        return difficulty_tax(chosen, drawn, rng=np.random.default_rng([snapshot.project.config.seed, 3]))
    except MeasureError:
        return None


def _anchoring(snapshot: Snapshot) -> Anchoring | None:
    """Measure the anchoring of people on suggestions, against blind items; None with too few blind items."""
    shown: list[Answer] = []
    blind: list[Answer] = []
    unseen = {item: name for r in _single(snapshot.history) for push in r.pushed for item, name in push.unseen.items()}
    # random questions are all blind: both sides are compared on chosen items, which chance divides
    drawn = snapshot.history.drawn if snapshot.project.config.annotator.blind_random else frozenset()
    for answer in _first_looks(snapshot.history):
        if answer.item in drawn:
            continue
        if answer.suggested is not None:
            shown.append(answer)
        elif answer.item in unseen:
            blind.append(answer)
    rng = np.random.default_rng([snapshot.project.config.seed, 11])
    try:
        pace = difficulty_tax(shown, blind, rng=rng)
    except MeasureError:
        pace = None

    def agreed(answer: Answer, said: str) -> bool:
        return set(answer.classes) == set(snapshot.kind.parse(said))

    try:
        return anchoring(
            [agreed(a, str(a.suggested)) for a in shown], [agreed(a, unseen[a.item]) for a in blind], pace=pace
        )
    except MeasureError:
        return None


def _hours(
    savings: Savings | None, time: HumanTime | None, tax: Tax | None, per_hour: float | None, currency: str | None
) -> HoursSaved | None:
    if savings is None or time is None or savings.kind == "undefined":
        return None
    # most recorded times are of chosen items; the time of a random item is that without the tax
    seconds = time.per_label / (tax.ratio if tax is not None else 1.0)
    return hours_saved(savings, seconds, tax=1.0 if tax is None else tax, per_hour=per_hour, currency=currency)


def _lines(snapshot: Snapshot, arm: Simulation | None) -> Iterator[Line]:
    measured = [t for r in snapshot.history.rounds for t in r.taught[-1:] if t.accuracy is not None]
    if measured:
        accuracy = tuple(t.accuracy for t in measured if t.accuracy is not None)
        yield Line("this project", "ours", tuple(t.labels for t in measured), accuracy)
    if arm is not None:
        for name, one in arm.arms.items():
            curve = one.curve
            low, high = mean_interval(curve.accuracy)
            yield Line(
                "random choice" if name == "random" else f"{name}, replayed",
                "baseline" if name == "random" else "other",
                tuple(int(b) for b in curve.labels),
                tuple(float(v) for v in curve.mean),
                tuple(float(v) for v in low),
                tuple(float(v) for v in high),
            )


def _round_rows(snapshot: Snapshot) -> Iterator[RoundRow]:
    seconds: dict[str, float] = {}
    for timed in labeling_times(snapshot.history.answers.values()):
        question = timed.answer.question
        seconds[question] = seconds.get(question, 0.0) + timed.seconds
    for r in snapshot.history.rounds:
        newest = r.taught[-1] if r.taught else None
        people = sum(seconds.get(question.id, 0.0) for question in r.questions)
        yield RoundRow(
            number=r.number,
            strategy=r.queried.strategy,
            asked=len(r.items),
            labels=None if newest is None else newest.labels,
            accuracy=None if newest is None else newest.accuracy,
            change=None if newest is None else newest.change,
            human_seconds=people or None,
            machine_seconds=r.queried.seconds + sum(t.seconds for t in r.taught),
        )


def _class_rows(snapshot: Snapshot, evidence: Evidence) -> Iterator[ClassRow]:
    if snapshot.history.encoded is None or snapshot.probs is None or snapshot.decided is None:
        return
    classes, probs, decided = snapshot.project.config.data.classes, snapshot.probs, snapshot.decided
    qualities = evidence.classes or (None,) * len(classes)
    second = np.argsort(-probs, axis=1)[:, 1]
    labels = Counter(c for label in snapshot.history.labels.values() for c in label.classes)
    for k, name in enumerate(classes):
        mine = snapshot.kind.having(decided, k)
        unsure = mine[probs[mine, k] < np.median(probs[mine, k])] if len(mine) else mine
        # where an item may have several classes, one class does not exclude another
        rivals = Counter[int]() if snapshot.kind.independent else Counter(second[unsure].tolist())
        yield ClassRow(
            name=name,
            labels=labels[name],
            predicted=len(mine),
            confidence=float(probs[mine, k].mean()) if len(mine) else None,
            confused_with=classes[rivals.most_common(1)[0][0]] if rivals else None,
            quality=qualities[k],
        )


def _weakness(row: ClassRow) -> tuple[float, float]:
    """Sort key: lowest upper bound of recall first, then lowest confidence."""
    recall = None if row.quality is None else row.quality.recall
    return (1.0 if recall is None else recall.high, 1.0 if row.confidence is None else row.confidence)


def _item_rows(snapshot: Snapshot) -> Iterator[ItemRow]:
    """Yield the items of the newest rounds, the most informative first."""
    pool = readable_pool(snapshot)
    suggested = {(a.question, a.item): a.suggested for a in snapshot.history.answers.values() if a.suggested}
    shown = 0
    for r in reversed(snapshot.history.rounds):
        for question, item in [(asked, item) for asked in r.questions for item in asked.items]:
            if shown == SHOWN_ITEMS:
                return
            shown += 1
            yield ItemRow(
                id=item,
                reason=question.reason,
                round=r.number,
                label=label_of(snapshot, item),
                suggestion=suggested.get((question.id, item)),
                thumbnail=None if pool is None or item not in pool else thumbnail(pool, item),
            )


def _assumptions(time: HumanTime | None, tax: Tax | None, live: LiveSavings | None) -> Iterator[str]:
    if live is not None:
        yield (
            f"the labels saved are an estimate from two sources: a prior ({live.prior}) and this project's "
            f"{live.random_labels} random labels; without the prior, the {percent(live.level)} interval of "
            f"the labels saved is {live.own_text()}"
        )
    if time is not None:
        yield "labeling times are recorded by the labeling tool; times far above the median of the same person are cut"
    if tax is None:
        yield "a chosen item takes as long as a random item: too few random items with a time to measure the difference"


def _not_measured(
    snapshot: Snapshot,
    arm: Simulation | None,
    audit: Audit | None,
    live: LiveSavings | None,
    newer: str,
    followed: Anchoring | None,
) -> Iterator[str]:
    if arm is None and live is None:
        yield f"the labels that random choice needs for the same accuracy: {unsaid_text(snapshot.history)}"
    elif arm is None:
        yield "the labels that random choice needs for the same accuracy: the figure in this report is an estimate"
    if audit is None:
        yield "the accuracy on the pool: too few random labels"
    elif newer:
        yield f"the accuracy on the whole pool: {newer}"
    if snapshot.history.taught is not None and followed is None:
        yield "anchoring (how often people follow the suggestion): too few blind items are labeled"
    if snapshot.project.config.data.test is None:
        yield "the accuracy on test data: activessl.toml sets no data.test"
    yield "the time for setup, for training of annotators and for waiting"
