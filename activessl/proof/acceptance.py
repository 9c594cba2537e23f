"""Accepted labels of a project: which predictions are accepted, which go to an audit, and how to withdraw them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError, MeasureError, QueryError
from activessl.labels.kinds import Labels, one_kind
from activessl.labels.questions import Question
from activessl.ledger.schema import AUDIT, Accepted, MachineLabel, Queried, Tried, Withdrawn
from activessl.measuring.anytime import part_of_delta
from activessl.measuring.quality.autolabel import FORGIVEN, Acceptance, Left, accept, accept_by_class, fewest_labels
from activessl.measuring.quality.calibration_split import calibration_half
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot, no_labels
from activessl.proof.calibration_set import calibration_set
from activessl.proof.draws import random_draws
from activessl.proof.estimates import Evidence

#: The reason of an audit question, as people read it.
LOOKED_AT = "drawn at random, to measure the share of right labels"


@dataclass(frozen=True)
class Judged:
    """The predictions that may be accepted in a project, before they are written into the ledger.

    Attributes:
        results: One promise, or one for each class in the order of the project's classes.
        items: The items whose predictions may be accepted.
        audit: Ids of the accepted items that people audit.
        look: Digest of the promise, the head and the labels.
        attempt: Number of the attempt, from 1: each attempt gets a smaller part of the failure probability.
        halved: Whether half of the random labels teach, because most labels are random labels.
        newer: Items that were added after these random labels were drawn: none of them is accepted.
        left: Items that can still be asked about, within the limit of labels in the config.
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
        """Random labels still needed; None where items are accepted, or where too few items are left."""
        wanted = [one.needed - one.calibration for one in self.results if one.needed is not None]
        return max(1, *wanted) if wanted and max(wanted) <= self.left else None

    def to_text(self) -> str:
        """Word the limits of the promise; empty without any."""
        told = []
        if not self.items and any(one.needed is not None for one in self.results):
            told.append(
                f"only {self.left:,} more items can be labeled (pool, limits in activessl.toml): pass a larger --error"
                if self.more is None
                else f"`activessl query --strategy random --size {self.more}` asks people to label them"
            )
        if self.halved:
            told.append("most labels are random labels: half of them measure the promise, the others teach the head")
        if self.newer:
            told.append(
                f"{self.newer:,} items were added after these labels were drawn and are left out: label random items"
            )
        if self.attempt > 1:
            told.append(
                f"attempt {self.attempt}: each attempt with new labels or another bound makes the test stricter"
            )
        return "; ".join(told)


def accept_pool(
    project: Project, *, error: float, delta: float = 0.1, per_class: bool = False, audit: int = 20
) -> Judged:
    """Accept predictions as labels, at most a share ``error`` of them wrong with probability 1 - ``delta``.

    Accepted items are marked as such, are not asked about, and teach nothing; ``audit`` of them go to people in a
    separate round. A new acceptance replaces the old one; repeating the current one changes nothing. Every attempt is
    written into the ledger, also one that accepts nothing: repeating until it succeeds would break the promise.

    Raises:
        LabelError: No labels yet, no uniformly drawn random labels, or all labels of one class.
        MeasureError: Shares outside (0, 1).
        QueryError: A round is open, and an audit was requested.
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
    """Withdraw all accepted items; return their number. They can be asked about again."""
    with project.lock():
        history = project.history()
        if history.accepted is not None:
            with project.ledger() as ledger:
                ledger.append([Withdrawn(why=why, turn=history.events)])
    return len(history.machine)


def judge(snapshot: Snapshot, *, error: float, delta: float, per_class: bool, audit: int) -> Judged:
    """Select the predictions that keep a bound on the share of wrong ones.

    The head is taught as the project teaches it, with the machines that it heeds, but not the random labels that it is
    measured on, which must not speak for a machine, either. If random labels are most of the labels, half of
    them teach and half measure. Only uniformly drawn labels measure, and only items are accepted that were in the pool
    at each of these draws. The promise holds over all attempts of a project together: each attempt gets a smaller part
    of ``delta``.

    Args:
        snapshot: The project at one moment.
        error: Tolerated share of wrong labels, in (0, 1).
        delta: Probability with which the promise may fail, in (0, 1).
        per_class: Whether the promise is made for each predicted class separately.
        audit: Number of accepted items that people audit, drawn at random.

    Raises:
        LabelError: No labels yet, no uniformly drawn random labels, or all labels of one class.
        MeasureError: Shares outside (0, 1).
    """
    rows, y = snapshot.training
    if not len(rows):
        raise no_labels(snapshot.history)
    config, history, ids = snapshot.project.config, snapshot.history, snapshot.embeddings.ids
    if per_class and snapshot.kind.independent:
        raise MeasureError(
            "a promise for each class needs items of one class each, here an item may have several",
            hint="run accept without --per-class",
        )
    if not 0 < error < 1 or not 0 < delta < 1:
        raise MeasureError(
            f"{f'a delta of {delta}' if 0 < error < 1 else f'an error of {error}'} is not between 0 and 1",
            hint="pass a value between 0 and 1",
        )
    drawn = random_draws(snapshot, fewest_labels(error, delta, FORGIVEN), uniform=True)
    if not len(drawn.at) and len(Evidence(snapshot).random.at):
        raise LabelError(
            "no random label was drawn with the same probability as all other items, and given without a suggestion",
            hint="run `activessl query --strategy random`, and label its items",
        )
    halved = 2 * len(drawn.at) > len(rows)
    judges, open_ = drawn.at, drawn.lost
    if halved:  # also of the draws without a label, or these would weigh twice
        mine = calibration_half((ids[row] for row in (*rows[drawn.at], *drawn.lost)), config.seed)
        judges = np.array([i for i in drawn.at if ids[rows[i]] in mine], dtype=np.int64)
        drawn = drawn.with_lost(np.array([ids[row] in mine for row in drawn.lost], dtype=bool))
    taught = np.setdiff1d(np.arange(len(rows)), judges)
    kind = snapshot.kind
    if one_kind(y[taught]):
        raise LabelError(
            "all labels that teach the head are of one class",
            hint="label more items, or remove classes that never occur from data.classes",
        )
    # a drawn item that was left open is part of the sample, so that it is no part of the rest
    aside = history.labels.keys() | history.set_aside | history.missing | {ids[row] for row in open_}
    rest = np.array([j for j, i in enumerate(ids) if i not in aside and history.late.get(i, 0) <= drawn.until], int)
    setting = (error, delta, per_class, config.head.name, config.seed, config.data.columns)
    sample = ([ids[j] for j in rest], sorted(drawn.lost.tolist()))
    look = _name((setting, snapshot.embeddings.fingerprint, history.digest(), sample))
    attempt = history.tried.index(look) + 1 if look in history.tried else len(history.tried) + 1
    # the labels of the judges must not choose the vectors, either
    points = snapshot.points_for(rows[taught], y[taught])
    probs = snapshot.head_of(taught, points).predict_proba(points)
    predicted, sure = kind.decide(probs), kind.sureness(probs)
    spent, later = part_of_delta(delta, attempt), part_of_delta(delta, attempt + 1)
    known = calibration_set(snapshot, drawn, judges, rest, predicted, error)
    left = Left(sure[known.left], known.left_wrong, known.gone)
    if per_class:
        results = accept_by_class(
            sure[rest], predicted[rest], sure[known.rows], predicted[known.rows], known.wrong, len(config.data.classes),
            error=error, delta=spent, later=later, left=left, vanished=known.vanished,
            left_predicted=predicted[known.left],
        )  # fmt: skip
    else:
        one = accept(
            sure[rest], sure[known.rows], known.wrong,
            error=error, delta=spent, later=later, left=left, vanished=known.vanished,
        )  # fmt: skip
        results = (one,)
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
        askable(snapshot),
    )


def askable(snapshot: Snapshot) -> int:
    """Return how many items can still be asked about, within the limit of labels in the config."""
    limit, free = snapshot.project.config.stop.labels, int(snapshot.free.sum())
    return free if limit is None else max(0, min(free, limit - len(snapshot.history.labels)))


def _name(what: object) -> str:
    return sha256(repr(what).encode()).hexdigest()[:16]


def _promised(one: Acceptance, delta: float, halved: bool) -> Acceptance:
    """Set the failure probability over all attempts, and the number of all random labels needed."""
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
    """Return the events for the ledger: the acceptance, and the round of its audit.

    Raises:
        QueryError: A round is open, so the audit cannot open one.
    """
    history = snapshot.history
    number = history.next_round
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
            f"round {history.open_round.number} is open, so the audit cannot open a round",
            hint="finish the round, end it with `activessl query --close`, or pass --audit 0",
        )
    # no propensity: these items are a sample of the accepted items, not of the pool; the reason names no class,
    # because people audit blind
    asked = tuple(Question(kind="audit", items=(item,), reason=LOOKED_AT) for item in judged.audit)
    return accepted, Queried(
        round=number,
        strategy=AUDIT,
        seed=(snapshot.project.config.seed, judged.attempt, 9),
        fingerprint=snapshot.embeddings.fingerprint,
        questions=asked,
        seconds=0.0,
    )
