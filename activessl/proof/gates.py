"""The gates between the stages of a pilot: go, no-go or open, written into the ledger with the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Literal

from activessl.errors import ConfigError, MeasureError
from activessl.ledger.history import History
from activessl.ledger.schema import RECALL, Check, Decided
from activessl.measuring.anytime import lower_bound, observations_needed, retested_bounds, upper_bound
from activessl.measuring.quality.classes import Share
from activessl.project.config import StageConfig
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import askable
from activessl.proof.agreement import agreement_of
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.proof.measured import accuracy_on_test_data

#: Highest probability that a gate says "go" below its bound, over all looks at it; likewise "no-go" above the bound.
DELTA = 0.05
#: More random labels than this are no help for a decision.
MOST = 10_000


def pass_gate(project: Project, name: str | None = None, *, note: str = "") -> Decided:
    """Judge a stage by the figures of today, and write the decision into the ledger.

    Raises:
        ConfigError: No such stage, or all stages have passed.
    """
    with project.lock():
        snapshot = Snapshot.of(project)
        decided = judge_stage(Evidence(snapshot), next_stage(project.config.stages, snapshot.history, name), note=note)
        with project.ledger() as ledger:
            ledger.append([decided])
    return decided


def next_stage(stages: tuple[StageConfig, ...], history: History, name: str | None = None) -> StageConfig:
    """Return the stage to judge: the named one, or the first that has not passed.

    Raises:
        ConfigError: No such stage, or all stages have passed.
    """
    if not stages:
        raise ConfigError(
            "activessl.toml has no stages to judge", hint="add a [[stages]] table with a name and an accuracy"
        )
    if name is not None:
        found = next((stage for stage in stages if stage.name == name), None)
        if found is None:
            raise ConfigError(
                f"no stage {name!r} in activessl.toml", hint=f"choose one of {', '.join(s.name for s in stages)}"
            )
        return found
    newest = {decision.stage: decision.decision for decision in history.decisions}
    left = next((stage for stage in stages if newest.get(stage.name) != "go"), None)
    if left is None:
        raise ConfigError("all stages have passed their gates", hint="name a stage to judge it again")
    return left


def judge_stage(evidence: Evidence, stage: StageConfig, *, note: str = "") -> Decided:
    """Measure the requirements of a stage: "go" if all are met, "no-go" if one is not met, else "open".

    Args:
        evidence: The project at one moment.
        stage: The requirements.
        note: Text for the record, beside the figures.
    """
    history = evidence.snapshot.history
    checks = tuple(_checks(evidence, stage))
    decision: Literal["go", "no-go", "open"] = "go"
    if any(check.passed is None for check in checks):
        decision = "open"
    if any(check.passed is False for check in checks):
        decision = "no-go"
    given = Counter(a.annotator for a in history.answers.values() if a.kind == "label" and not a.imported)
    return Decided(
        stage=stage.name,
        decision=decision,
        checks=checks,
        model=history.model,
        fingerprint="" if history.encoded is None else history.encoded.fingerprint,
        digest=history.digest(),
        labels=len(history.labels),
        annotators=dict(sorted(given.items())),
        note=note,
        turn=history.events,
    )


def _checks(evidence: Evidence, stage: StageConfig) -> Iterator[Check]:
    history = evidence.snapshot.history
    # models that were tested on the same test data at this gate, today's included
    looks = len({decision.model for decision in history.decisions if decision.stage == stage.name} | {history.model})
    if stage.accuracy is not None:
        yield _accuracy(evidence, stage.accuracy, looks)
    if stage.recall is not None:
        yield _recall(evidence, stage.recall, looks)
    if stage.hours_per_point is not None:
        yield _pace(evidence, stage.hours_per_point)
    if stage.agreement is not None:
        yield _agreement(history, stage.agreement)
    if stage.hours_to_model is not None:
        yield _first_model(history, stage.hours_to_model)


def _decide(low: float, high: float, bound: float) -> bool | None:
    """The verdict about a share that has to be at least ``bound``: None while its interval holds the bound."""
    return True if low >= bound else False if high < bound else None


def _accuracy(evidence: Evidence, bound: float, looks: int) -> Check:
    """On test data if there are any, else on random labels; with bounds that hold over all looks at the gate."""
    more = None
    if (tested := accuracy_on_test_data(evidence.snapshot.history)) is not None:
        low, high = retested_bounds(tested.right, tested.items, looks, DELTA)
        sample, value = f"{tested.items:,} test items", tested.accuracy
    elif (audit := evidence.audit) is not None:
        value, n = audit.accuracy, audit.effective
        low, high = lower_bound(audit.least * n, n, DELTA), upper_bound(audit.most * n, n, DELTA)
        sample = f"{audit.labels:,} random labels"
        if audit.unlabeled:
            sample += f", {audit.unlabeled:,} draws without a label"
        end = audit.least if value >= bound else audit.most  # the end that has to pass the bound
        more = _more(end, n, bound) if (end >= bound) == (value >= bound) else None
    else:
        return Check(name="accuracy", value=None, bound=bound, passed=None, sample="too few random labels")
    passed = _decide(low, high, bound)
    more = more if passed is None else None
    left = askable(evidence.snapshot)
    if more is not None and more > left:  # a step is only named if the pool has the items for it
        sample += f"; about {more:,} more are enough to decide, and {left:,} items are left to ask about"
        more = None
    return Check(name="accuracy", value=value, low=low, high=high, bound=bound, passed=passed, sample=sample, more=more)


def _more(value: float, n: float, bound: float) -> int | None:
    """Random labels in addition to ``n`` that settle on which side of the bound a share lies, if it is ``value``."""
    needed = observations_needed(value, bound, DELTA, most=MOST) if 0 < bound < 1 else None
    return None if needed is None else max(1, ceil(needed - n))


def _recall(evidence: Evidence, bound: float, looks: int) -> Check:
    """Check the lowest recall of a class against the bound: None if no class is surely below, and one is not surely
    above it."""
    names, qualities = evidence.snapshot.project.config.data.classes, evidence.classes
    kind = "test items" if evidence.tested else "random labels"

    def ends(share: Share) -> tuple[float, float]:
        """Bounds over all looks. All classes have to reach the bound; that any is below it is one of as many chances to
        be wrong."""
        count, n, each = share.share * share.items, share.items, DELTA / len(names)
        if evidence.tested:
            return retested_bounds(round(count), n, looks, DELTA)[0], retested_bounds(round(count), n, looks, each)[1]
        return lower_bound(count, n, DELTA), upper_bound(count, n, each)

    unseen = [name for name, quality in zip(names, qualities, strict=False) if quality.recall is None]
    recalls = [(q.recall, name) for q, name in zip(qualities, names, strict=False) if q.recall is not None]
    measured = [(share, *ends(share), name) for share, name in recalls]
    surely = [one for one in measured if one[2] < bound]
    if not surely and (unseen or not measured):
        sample = f"no {unseen[0]} among the {kind}" if unseen else "too few random labels"
        return Check(name=RECALL, value=None, bound=bound, passed=None, sample=sample)
    share, low, high, name = min(surely, key=lambda one: one[2]) if surely else min(measured, key=lambda one: one[1])
    return Check(
        name=RECALL,
        value=share.share,
        low=low,
        high=high,
        bound=bound,
        passed=_decide(low, high, bound),
        sample=f"{share.items:,} {kind} of {name}",
    )


def _pace(evidence: Evidence, bound: float) -> Check:
    name = "hours a point"
    try:
        pace = Forecast(evidence).plan(0.5).hours_per_point  # the pace of today, whatever the target
    except MeasureError as error:
        return Check(name=name, value=None, bound=bound, passed=None, sample=error.message)
    if pace is None or pace.middle is None:
        return Check(name=name, value=None, bound=bound, passed=None, sample="no recorded times")
    met = pace.high is not None and pace.high <= bound
    return Check(
        name=name,
        value=pace.middle,
        low=pace.low,
        high=pace.high,
        bound=bound,
        passed=True if met else False if pace.low is not None and pace.low > bound else None,
        sample=f"{len(evidence.random.at):,} random labels",
    )


def _agreement(history: History, bound: float) -> Check:
    agreed = agreement_of(history)
    if agreed is None:
        return Check(
            name="agreement",
            value=None,
            bound=bound,
            passed=None,
            sample="no item labeled by two people: set annotator.overlap",
        )
    seen = agreed.figures.observed
    # an item counts once, however many people labeled it
    low, high = (
        lower_bound(seen.share * seen.items, seen.items, DELTA),
        upper_bound(seen.share * seen.items, seen.items, DELTA),
    )
    sample = "1 item" if seen.items == 1 else f"{seen.items:,} items"
    return Check(
        name="agreement",
        value=seen.share,
        low=low,
        high=high,
        bound=bound,
        passed=_decide(low, high, bound),
        sample=f"{sample} that several people labeled" + (f", {agreed.seen:,} with a suggestion" * (agreed.seen > 0)),
    )


def _first_model(history: History, bound: float) -> Check:
    name = "hours to a model"
    if history.started is None or history.first_taught is None:
        return Check(name=name, value=None, bound=bound, passed=None, sample="no model yet")
    hours = (history.first_taught - history.started).total_seconds() / 3600
    if hours < 0:
        return Check(name=name, value=None, bound=bound, passed=None, sample="the ledger dates init after the model")
    return Check(name=name, value=hours, bound=bound, passed=hours <= bound, sample="from init to the first teach")
