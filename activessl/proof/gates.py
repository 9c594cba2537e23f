"""The gates between the stages of a pilot: go, no-go or open, written into the ledger with the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from activessl.errors import ConfigError, MeasureError
from activessl.labels.merge import first_answers
from activessl.ledger.history import History
from activessl.ledger.schema import RECALL, Check, Decided
from activessl.measuring.intervals import share_interval
from activessl.project.config import StageConfig
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast


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
    given = Counter(a.annotator for a in history.answers.values() if a.kind == "label" and not a.ground_truth)
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
    if stage.accuracy is not None:
        yield _accuracy(evidence, stage.accuracy)
    if stage.recall is not None:
        yield _recall(evidence, stage.recall)
    if stage.hours_per_point is not None:
        yield _pace(evidence, stage.hours_per_point)
    if stage.agreement is not None:
        yield _agreement(evidence.snapshot.history, stage.agreement)
    if stage.hours_to_model is not None:
        yield _first_model(evidence.snapshot.history, stage.hours_to_model)


def _accuracy(evidence: Evidence, bound: float) -> Check:
    audit, taught = evidence.audit, evidence.snapshot.history.taught
    if taught is not None and taught.accuracy is not None and taught.test_items:
        low, high = share_interval(round(taught.accuracy * taught.test_items), taught.test_items)
        sample, value = f"{taught.test_items:,} test items", taught.accuracy
    elif audit is not None:
        low, high, value, sample = audit.low, audit.high, audit.accuracy, f"{audit.labels:,} random labels"
    else:
        return Check(name="accuracy", value=None, bound=bound, passed=None, sample="too few random labels")
    return Check(name="accuracy", value=value, low=low, high=high, bound=bound, passed=low >= bound, sample=sample)


def _recall(evidence: Evidence, bound: float) -> Check:
    """Check the class furthest from the bound: met by its lower end, not met by its upper end, else not known."""
    names, qualities = evidence.snapshot.project.config.data.classes, evidence.classes
    kind = "test items" if evidence.tested else "random labels"
    unseen = [name for name, quality in zip(names, qualities, strict=False) if quality.recall is None]
    measured = [(q.recall, name) for name, q in zip(names, qualities, strict=False) if q.recall is not None]
    surely = [(share, name) for share, name in measured if share.high < bound]
    if not surely and (unseen or not measured):
        sample = f"no {unseen[0]} among the {kind}" if unseen else "too few random labels"
        return Check(name=RECALL, value=None, bound=bound, passed=None, sample=sample)
    share, name = min(surely, key=lambda pair: pair[0].high) if surely else min(measured, key=lambda pair: pair[0].low)
    return Check(
        name=RECALL,
        value=share.share,
        low=share.low,
        high=share.high,
        bound=bound,
        passed=False if surely else True if share.low >= bound else None,
        sample=f"{share.items:,} {kind} of {name}",
    )


def _pace(evidence: Evidence, bound: float) -> Check:
    name = "hours a point"
    try:
        pace = Forecast(evidence).plan(0.5).hours_per_point  # the pace of today, the same for every target
    except MeasureError as error:
        return Check(name=name, value=None, bound=bound, passed=None, sample=error.message)
    if pace is None or pace.middle is None:
        return Check(name=name, value=None, bound=bound, passed=None, sample="no labeling times are recorded")
    return Check(
        name=name,
        value=pace.middle,
        low=pace.low,
        high=pace.high,
        bound=bound,
        passed=pace.middle <= bound,
        sample=f"{len(evidence.random.at):,} random labels",
    )


def _agreement(history: History, bound: float) -> Check:
    same = pairs = 0
    for label in history.labels.values():
        for one, other in combinations(first_answers(label.answers).values(), 2):
            pairs += 1
            same += sorted(one.classes) == sorted(other.classes)
    if not pairs:
        return Check(name="agreement", value=None, bound=bound, passed=None, sample="no item has labels by two people")
    low, high = share_interval(same, pairs)
    return Check(
        name="agreement",
        value=same / pairs,
        low=low,
        high=high,
        bound=bound,
        passed=same / pairs >= bound,
        sample=f"{pairs:,} pairs of answers",
    )


def _first_model(history: History, bound: float) -> Check:
    name = "hours to a model"
    if history.started is None or history.first_taught is None:
        return Check(name=name, value=None, bound=bound, passed=None, sample="no model yet")
    hours = (history.first_taught - history.started).total_seconds() / 3600
    return Check(name=name, value=hours, bound=bound, passed=hours <= bound, sample="from init to the first teach")
