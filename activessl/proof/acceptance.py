"""Labels by machine in a project: what may stand unseen, what goes to people to look at, and how it is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError, MeasureError, QueryError
from activessl.labels.kinds import Labels, one_kind
from activessl.labels.questions import Question
from activessl.ledger.schema import AUDIT, Accepted, MachineLabel, Queried, Tried, Withdrawn
from activessl.measuring.intervals import part_of_delta
from activessl.measuring.quality.autolabel import FORGIVEN, Acceptance, accept, accept_by_class, fewest_labels
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot, no_labels
from activessl.proof.estimates import Evidence
from activessl.proof.random_labels import random_labels

#: Why an item of such a round is asked, as people read it.
LOOKED_AT = "drawn at random, to measure how often labels are right"


@dataclass(frozen=True)
class Judged:
    """What may be accepted in a project, before it is written down.

    Attributes:
        results: One promise, or one for each class in the order of the project's classes.
        items: The items that may stand as labels.
        audit: Ids of those that people should look at.
        look: Names what was promised, by which head and labels.
        attempt: Which attempt it is, from 1 on: each may fail with a smaller part of the probability that all may.
        halved: Whether half of the random labels taught, because they are most of the labels.
        newer: Items that came after these random labels were drawn: none of them is accepted.
        left: Items that can still be asked about, within the limit of labels that the config sets.
    """

    results: tuple[Acceptance, ...]
    items: tuple[MachineLabel, ...]
    audit: tuple[str, ...]
    look: str
    attempt: int
    halved: bool
    newer: int
    left: int = field(compare=False)

    @property
    def more(self) -> int | None:
        """Random labels that are still needed, and can be had; None where something is accepted, or they cannot."""
        wanted = [one.needed - one.calibration for one in self.results if one.needed is not None]
        return max(1, *wanted) if wanted and max(wanted) <= self.left else None

    def to_text(self) -> str:
        """What limits the promise, beside its figures; empty where nothing does."""
        told = []
        if not self.items and any(one.needed is not None for one in self.results):
            told.append(
                f"only {self.left:,} more items can be asked about, by the pool and the limits of activessl.toml: "
                "allow a larger error"
                if self.more is None
                else f"`activessl query --strategy random --size {self.more}` asks for them"
            )
        if self.halved:
            told.append("most labels are random ones, so half of these judge and the others teach")
        if self.newer:
            told.append(f"{self.newer:,} items came after these labels were drawn, and stay out until new ones are")
        if self.attempt > 1:
            told.append(f"attempt {self.attempt}: each look at new labels uses up some of the chance to be wrong")
        return "; ".join(told)


def accept_pool(
    project: Project, *, error: float, delta: float = 0.1, per_class: bool = False, audit: int = 20
) -> Judged:
    """Let predictions stand as labels, at most a share ``error`` of them wrong with probability 1 - ``delta``.

    They are marked as the machine's, are not asked about any more, and teach nothing; ``audit`` of them go to people in
    a round of their own. A new acceptance replaces the old one; asking for the standing one again changes nothing.
    That somebody looked is written down, whatever came of it: trying until it succeeds would not keep the promise.

    Raises:
        LabelError: No labels yet, none of them drawn as every other item could have been, or all of one class.
        MeasureError: Shares outside (0, 1).
        QueryError: A round is open, and an audit was asked for.
    """
    with project.lock():
        snapshot = Snapshot.of(project)
        judged = judge(snapshot, error=error, delta=delta, per_class=per_class, audit=audit)
        standing = snapshot.history.accepted
        if standing is not None and standing.look == judged.look:
            return replace(judged, items=standing.items, audit=standing.audit)
        with project.ledger() as ledger:
            ledger.append([Tried(look=judged.look)])
            if judged.items:
                ledger.append(events_of(judged, snapshot, error=error, delta=delta, per_class=per_class))
    return judged


def withdraw(project: Project, why: str) -> int:
    """Take back what stands accepted by machine; return how many items that are. They can be asked again."""
    with project.lock():
        history = project.history()
        if history.accepted is not None:
            with project.ledger() as ledger:
                ledger.append([Withdrawn(why=why, turn=history.events)])
    return len(history.machine)


def judge(snapshot: Snapshot, *, error: float, delta: float, per_class: bool, audit: int) -> Judged:
    """Which predictions keep a promise about how many of them are wrong.

    The head that is judged was not taught the random labels that judge it. Where those are most of the labels, half of
    them teach and half judge. Only items may be accepted that could have been drawn each time that one of these labels
    was, and only labels judge that were drawn as every other item could have been. The promise holds over all attempts
    of a project together, as each new one is granted a smaller part of ``delta``.

    Args:
        snapshot: The project at one moment.
        error: The share of wrong ones that is tolerated, in (0, 1).
        delta: Probability with which the promise may fail, in (0, 1).
        per_class: Whether it is made for each predicted class on its own.
        audit: How many of the accepted items people should look at, drawn at random.

    Raises:
        LabelError: No labels yet, none of them drawn as every other item could have been, or all of one class.
        MeasureError: Shares outside (0, 1).
    """
    rows, y = snapshot.training
    if not len(rows):
        raise no_labels(snapshot.history)
    config, history, ids = snapshot.project.config, snapshot.history, snapshot.embeddings.ids
    if per_class and snapshot.kind.independent:
        raise MeasureError(
            "a promise for each class, where an item may have several", hint="accept without --per-class"
        )
    if not 0 < error < 1 or not 0 < delta < 1:
        raise MeasureError(f"an error of {error} with probability {delta}", hint="give both between 0 and 1")
    evidence = Evidence(snapshot)
    drawn = random_labels(evidence.snapshot, fewest_labels(error, delta, FORGIVEN), uniform=True)
    at = drawn.at
    if not len(at) and len(evidence.random.at):
        raise LabelError(
            "no labeled item was drawn with the chance that every other had, so nothing can be promised of all",
            hint="run `activessl query --strategy random`, and label what it draws",
        )
    halved = 2 * len(at) > len(rows)
    judges = at
    if halved:
        mine = calibration_half((ids[row] for row in rows[at]), config.seed)
        judges = np.array([i for i in at if ids[rows[i]] in mine], dtype=np.int64)
    taught = np.setdiff1d(np.arange(len(rows)), judges)
    k, kind = len(config.data.classes), snapshot.kind
    if one_kind(y[taught]):
        raise LabelError(
            "all labels that can teach are of one class, so no prediction can be believed",
            hint="label more items, or take classes that never occur out of data.classes",
        )
    aside = history.labels.keys() | history.set_aside | history.missing
    rest = np.array([j for j, i in enumerate(ids) if i not in aside and history.late.get(i, 0) <= drawn.until], int)
    look = _name((error, delta, per_class, config.head.name, config.seed, config.data.columns,
        snapshot.embeddings.fingerprint, history.digest(), [ids[j] for j in rest]))  # fmt: skip
    attempt = history.tried.index(look) + 1 if look in history.tried else len(history.tried) + 1
    probs = snapshot.new_head().fit(snapshot.points[rows[taught]], y[taught]).predict_proba(snapshot.points)
    predicted = kind.decide(probs)
    sure = kind.sureness(probs)
    known = rows[judges]
    wrong = ~kind.same(predicted[known], y[judges])
    spent, later = part_of_delta(delta, attempt), part_of_delta(delta, attempt + 1)
    if per_class:
        results = accept_by_class(
            sure[rest], predicted[rest], sure[known], predicted[known], wrong, k, error=error, delta=spent, later=later
        )
    else:
        results = (accept(sure[rest], sure[known], wrong, error=error, delta=spent, later=later),)
    results = tuple(_promised(one, delta, halved) for one in results)
    chosen = _above(results, rest, predicted, sure)
    rng = np.random.default_rng([config.seed, attempt, 9])
    looked_at = rng.choice(chosen, min(audit, len(chosen)), replace=False) if len(chosen) else chosen
    return Judged(
        results,
        tuple(
            MachineLabel(id=ids[i], classes=snapshot.named(predicted[i]), probability=float(sure[i])) for i in chosen
        ),
        tuple(ids[i] for i in np.sort(looked_at)),
        look,
        attempt,
        halved,
        drawn.newer,
        _left(snapshot),
    )


def _left(snapshot: Snapshot) -> int:
    limit, free = snapshot.project.config.stop.labels, int(snapshot.free.sum())
    return free if limit is None else max(0, min(free, limit - len(snapshot.history.labels)))


def _name(what: object) -> str:
    return sha256(repr(what).encode()).hexdigest()[:16]


def _promised(one: Acceptance, delta: float, halved: bool) -> Acceptance:
    """With the probability that the promise has over all attempts, and all random labels that it would take."""
    return replace(one, delta=delta, needed=2 * one.needed if halved and one.needed is not None else one.needed)


def _above(
    results: tuple[Acceptance, ...],
    rest: Int[np.ndarray, " r"],
    predicted: Labels,
    sure: Float[np.ndarray, " n"],
) -> Int[np.ndarray, " a"]:
    keep = np.zeros(len(rest), dtype=bool)
    for one in results:
        if one.threshold is not None:
            mine = True if one.class_index is None else predicted[rest] == one.class_index
            keep |= mine & (sure[rest] >= one.threshold)
    return np.asarray(rest[keep])


def events_of(
    judged: Judged, snapshot: Snapshot, *, error: float, delta: float, per_class: bool
) -> tuple[Accepted] | tuple[Accepted, Queried]:
    """What is written down: the acceptance, and a round in which people look at some of it.

    Raises:
        QueryError: A round is open, so none can be opened for the audit.
    """
    history = snapshot.history
    number = len(history.rounds) + 1
    kept = [one for one in judged.results if one.threshold is not None]
    accepted = Accepted(
        error=error,
        delta=delta,
        per_class=per_class,
        items=judged.items,
        audit=judged.audit,
        calibration=sum(one.calibration for one in kept),
        wrong=sum(one.wrong for one in kept),
        fingerprint=snapshot.embeddings.fingerprint,
        digest=history.digest(),
        look=judged.look,
        turn=history.events,
    )
    if not judged.audit:
        return (accepted,)
    if history.open_round is not None:
        raise QueryError(
            f"round {history.open_round.number} is open, so no audit can be opened beside it",
            hint="finish it, or end it with `activessl query --close`, or pass --audit 0",
        )
    # drawn from what was accepted, not from the pool: no propensity, or it would count for the pool's accuracy;
    # and the reason is shown to people, who should not know what the machine said
    asked = tuple(Question(kind="audit", items=(item,), reason=LOOKED_AT) for item in judged.audit)
    return accepted, Queried(
        round=number,
        strategy=AUDIT,
        seed=(snapshot.project.config.seed, judged.attempt, 9),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=asked,
        seconds=0.0,
    )
