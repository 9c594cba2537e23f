"""Labels by machine in a project: what may stand unseen, what goes to people to look at, and how it is taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import LabelError, QueryError
from activessl.evidence import Evidence
from activessl.heads.registry import make_head
from activessl.ledger.fold import History
from activessl.ledger.schema import Accepted, Asked, MachineLabel, Queried, Withdrawn
from activessl.measuring.autolabel import Acceptance, accept, accept_by_class
from activessl.measuring.stopping import share_interval
from activessl.project import Project
from activessl.view import View

#: What a round that looks at accepted items is called in the ledger.
AUDIT = "audit of accepted items"


@dataclass(frozen=True)
class Judged:
    """What may be accepted in a project, before it is written down.

    Attributes:
        results: One promise, or one for each class in the order of the project's classes.
        items: The items that may stand as labels.
        audit: Ids of those that people should look at.
    """

    results: tuple[Acceptance, ...]
    items: tuple[MachineLabel, ...]
    audit: tuple[str, ...]


def accept_pool(
    project: Project, *, error: float, delta: float = 0.1, per_class: bool = False, audit: int = 20
) -> Judged:
    """Let predictions stand as labels, at most a share ``error`` of them wrong with probability 1 - ``delta``.

    They are marked as the machine's, are not asked about any more, and teach nothing; ``audit`` of them go to people in
    a round of their own. Nothing is written where nothing can be accepted. A new acceptance replaces the old one.

    Raises:
        LabelError: No labels yet.
        MeasureError: Shares outside (0, 1).
        QueryError: A round is open, and an audit was asked for.
    """
    with project.lock():
        view = View.of(project)
        judged = judge(view, error=error, delta=delta, per_class=per_class, audit=audit)
        if judged.items:
            events = events_of(judged, view, error=error, delta=delta, per_class=per_class)
            with project.ledger() as ledger:
                ledger.append(events)
    return judged


def take_back(project: Project, why: str) -> int:
    """Take back what stands accepted by machine; return how many items that are. They can be asked again."""
    with project.lock():
        history = project.history()
        if history.accepted is not None:
            with project.ledger() as ledger:
                ledger.append([Withdrawn(why=why, turn=history.events)])
    return len(history.machine)


def judge(view: View, *, error: float, delta: float, per_class: bool, audit: int) -> Judged:
    """Which predictions keep a promise about how many of them are wrong.

    The head that is judged was not taught the random labels that judge it. Where those are most of the labels, half of
    them teach and half judge.

    Args:
        view: The project at one moment.
        error: The share of wrong ones that is tolerated, in (0, 1).
        delta: Probability with which the promise may fail, in (0, 1).
        per_class: Whether it is made for each predicted class on its own.
        audit: How many of the accepted items people should look at, drawn at random.

    Raises:
        LabelError: No labels yet.
        MeasureError: Shares outside (0, 1).
    """
    rows, y = view.training
    if not len(rows):
        raise LabelError("no labels yet", hint="label some items, then run `activessl pull` and `activessl teach`")
    config = view.project.config
    rng = np.random.default_rng([config.seed, view.history.events, 8])
    at = Evidence(view).drawn.at
    judges = at if 2 * len(at) <= len(rows) else np.sort(rng.permutation(at)[: len(at) // 2])
    taught = np.setdiff1d(np.arange(len(rows)), judges)
    classes, k = config.data.classes, len(config.data.classes)
    head = make_head(config.head.name, n_classes=k, seed=config.seed)
    aside = view.history.labels.keys() | view.history.set_aside | view.history.missing
    free = np.array([i not in aside for i in view.embeddings.ids])
    rest = np.flatnonzero(free)
    if len(np.unique(y[taught])) < 2:  # nothing tells classes apart yet: no prediction is to be believed
        predicted, sure = np.zeros(len(view.embeddings), dtype=np.int64), np.zeros(len(view.embeddings))
    else:
        probs = head.fit(view.points[rows[taught]], y[taught]).predict_proba(view.points)
        predicted, sure = probs.argmax(axis=1), probs.max(axis=1).astype(np.float64)
    known = rows[judges]
    wrong = predicted[known] != y[judges]
    if per_class:
        results = accept_by_class(
            sure[rest], predicted[rest], sure[known], predicted[known], wrong, k, error=error, delta=delta
        )
    else:
        results = (accept(sure[rest], sure[known], wrong, error=error, delta=delta),)
    chosen = _above(results, rest, predicted, sure)
    looked_at = rng.choice(chosen, min(audit, len(chosen)), replace=False) if len(chosen) else chosen
    ids = view.embeddings.ids
    return Judged(
        results,
        tuple(MachineLabel(id=ids[i], label=classes[predicted[i]], probability=float(sure[i])) for i in chosen),
        tuple(ids[i] for i in np.sort(looked_at)),
    )


def _above(
    results: tuple[Acceptance, ...],
    rest: Int[np.ndarray, " r"],
    predicted: Int[np.ndarray, " n"],
    sure: Float[np.ndarray, " n"],
) -> Int[np.ndarray, " a"]:
    keep = np.zeros(len(rest), dtype=bool)
    for one in results:
        if one.threshold is not None:
            mine = True if one.class_index is None else predicted[rest] == one.class_index
            keep |= mine & (sure[rest] >= one.threshold)
    return np.asarray(rest[keep])


def events_of(
    judged: Judged, view: View, *, error: float, delta: float, per_class: bool
) -> tuple[Accepted] | tuple[Accepted, Queried]:
    """What is written down: the acceptance, and a round in which people look at some of it.

    Raises:
        QueryError: A round is open, so none can be opened for the audit.
    """
    history = view.history
    number = len(history.rounds) + 1
    accepted = Accepted(
        error=error,
        delta=delta,
        per_class=per_class,
        items=judged.items,
        audit=judged.audit,
        calibration=sum(one.calibration for one in judged.results),
        wrong=sum(one.wrong for one in judged.results),
        fingerprint=view.embeddings.fingerprint,
        digest=history.digest(),
        turn=history.events,
    )
    if not judged.audit:
        return (accepted,)
    if history.open_round is not None:
        raise QueryError(
            f"round {history.open_round.number} is open, so no audit can be opened beside it",
            hint="finish it, or end it with `activessl query --close`, or pass --audit 0",
        )
    said = {item.id: item for item in judged.items}
    # drawn from what was accepted, not from the pool: no propensity, or it would count for the pool's accuracy
    asked = tuple(
        Asked(id=i, score=0.0, reason=f"accepted by machine as {said[i].label}: is that right?") for i in judged.audit
    )
    return accepted, Queried(
        round=number,
        strategy=AUDIT,
        seed=(view.project.config.seed, history.events, 8),
        fingerprint=view.embeddings.fingerprint,
        items=asked,
        seconds=0.0,
    )


@dataclass(frozen=True, slots=True)
class AuditCount:
    """What people said of accepted items that they looked at.

    Attributes:
        looked_at: How many.
        wrong: How many of them people labeled otherwise.
        low: Lower end of a 90 % interval of the share of wrong ones.
        high: Upper end of it.
        broken: Whether even the lower end is above what was promised.
    """

    looked_at: int
    wrong: int
    low: float
    high: float
    broken: bool

    def to_text(self) -> str:
        """One sentence."""
        return (
            f"people looked at {self.looked_at} of them and found {self.wrong} wrong (90 % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %)"
            + ("; that breaks the promise: run `activessl accept --undo`" if self.broken else "")
        )


def audit_count(history: History) -> AuditCount | None:
    """What became of the audit of the standing acceptance; None while nobody has looked."""
    if history.accepted is None:
        return None
    said = {item.id: item.label for item in history.accepted.items}
    seen = [i for i in history.accepted.audit if i in history.labels]
    if not seen:
        return None
    wrong = sum(history.labels[i].classes != (said[i],) for i in seen)
    low, high = share_interval(wrong, len(seen))
    return AuditCount(len(seen), wrong, low, high, low > history.accepted.error)


def promise_text(history: History) -> str:
    """What stands accepted, what was promised, and what people found; empty where nothing does."""
    accepted = history.accepted
    if accepted is None or not history.machine:
        return ""
    whom = "of each class" if accepted.per_class else "of them"
    sure, judges = f"{100 * (1 - accepted.delta):.0f} % confidence", f"{accepted.calibration:,} random labels"
    text = (
        f"{len(history.machine):,} items accepted without a look: at most {100 * accepted.error:.1f} % {whom} wrong, "
        f"with {sure} ({accepted.wrong} of {judges} were)"
    )
    found = audit_count(history)
    return text if found is None else f"{text}; {found.to_text()}"
