"""What the labels of people show about each machine: reliability, verdict, and a narrower accuracy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from activessl.heads.proving import CHANCE
from activessl.ledger.draws import draws_of
from activessl.ledger.history import History
from activessl.ledger.machines import MachineHistory, Spent
from activessl.measuring.machines.alternative import PRICE, Alternative, alternative_test
from activessl.measuring.machines.reliability import Reliability, reliability
from activessl.measuring.quality.audit import Audit
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence

#: Share of its answers that are one class, above which a machine tells nothing.
ONE_CLASS = 0.999


@dataclass(frozen=True)
class MachineFigures:
    """The figures of one machine.

    Attributes:
        name: Its name in ``activessl.toml``.
        kind: Its kind.
        answered: Items of the pool with an answer of the version that was asked last.
        none: Items that it was asked about without an answer.
        items: Items of the pool.
        spent: What all its answers have cost.
        one_class: The class that it gives always; None if it gives several. Then its answers count as none.
        reliability: How often it is right, on random items that people answered without its answer; None without.
        alternative: The test against each annotator; None with fewer than three annotators.
        heeded: Whether the newest head heeds it.
        stands_in: The classes on which it may stand in for a person.
        accuracy: The model's accuracy, whose interval narrows by what this machine says of the pool; None if not known.
        evidence: How much people's labels speak for it, see ``Proof``; None where it says the same of everything.
        needed: The evidence with which the head heeds it.
    """

    name: str
    kind: str
    answered: int
    none: int
    items: int
    spent: Spent
    one_class: str | None
    reliability: Reliability | None
    alternative: Alternative | None
    heeded: bool
    stands_in: tuple[str, ...]
    accuracy: Audit | None
    evidence: float | None
    needed: float = 1 / CHANCE

    @property
    def verdict(self) -> str:
        """The verdict in one clause."""
        if not self.answered:
            if self.none:
                return "gave no answer"
            return "its answers were withdrawn" if self.spent.answers else "not asked yet"
        if self.one_class is not None:
            return f"says {self.one_class!r} always, which counts as no answer"
        if self.reliability is None or not self.reliability.asked:
            return "not measured yet: no random item has both its answer and a person's"
        if self.alternative is not None and not self.alternative.passed:
            return "may not stand in for a person: it agrees with the others less than they do"
        known = [c for c in self.reliability.classes if c.verdict != "unknown"]
        if not known:
            return "not enough random items with a person's label for a verdict"
        if not self.stands_in:
            return "may not stand in for a person on any class"
        return f"may stand in for a person on {', '.join(self.stands_in)}"

    def to_dict(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """All figures, ready for JSON."""
        found = {**asdict(self), "verdict": self.verdict}
        if self.reliability is not None:
            found["reliability"] = {
                **{k: v for k, v in asdict(self.reliability).items() if k != "classes"},
                "share": self.reliability.share,
                "classes": {
                    name: asdict(one) for name, one in zip(classes, self.reliability.classes, strict=True) if one.asked
                },
            }
        return found


def machine_figures(snapshot: Snapshot, evidence: Evidence | None = None) -> tuple[MachineFigures, ...]:
    """The figures of all machines in ``activessl.toml``, in its order; the pool need not be encoded."""
    known = evidence or Evidence(snapshot)
    return tuple(_figures(snapshot, known, name) for name in snapshot.project.config.machines)


def _figures(snapshot: Snapshot, evidence: Evidence, name: str) -> MachineFigures:
    config, history = snapshot.project.config, snapshot.history
    said = history.said.get(name, MachineHistory())
    known = _classes_said(snapshot, name)
    taught = history.taught
    one = None
    if len(known) > 1:
        names, counts = np.unique(list(known.values()), return_counts=True)
        one = str(names[counts.argmax()]) if counts.max() >= ONE_CLASS * len(known) else None
        if name in snapshot.students and snapshot.students[name] is None:
            # the same of everything: its own favourite, which was taken off what a model says of class names
            raw = [one_said.scores for one_said in said.answers.values() if one_said.scores is not None]
            one = said.classes[int(np.mean(raw, axis=0).argmax())]
    measured = _measured(history, known, config.data.classes)
    people: dict[str, dict[str, str]] = {}
    for answer in history.answers.values():
        if answer.kind == "label" and answer.suggested is None and not answer.cluster and len(answer.classes) == 1:
            people.setdefault(answer.annotator, {})[answer.item] = answer.classes[0]
    alternative = alternative_test(people, known) if len(people) > 2 and one is None else None
    stands: tuple[str, ...] = ()
    if measured is not None and one is None and (alternative is None or alternative.passed):
        pairs = zip(config.data.classes, measured.classes, strict=True)
        stands = tuple(c for c, figures in pairs if figures.verdict == "stands in")
    return MachineFigures(
        name=name,
        kind=config.machines[name].kind,
        answered=len(known),
        none=sum(one_said.scores is None for one_said in said.answers.values()),
        items=0 if history.encoded is None else history.encoded.items,
        spent=said.spent,
        one_class=one,
        reliability=measured,
        alternative=alternative,
        heeded=taught is not None and name in taught.machines,
        stands_in=stands,
        accuracy=evidence.audit_with(name) if one is None and known and taught is not None else None,
        needed=max(len(snapshot.proofs) if known and len(history.labels) else 1, 1) / CHANCE,
        evidence=snapshot.proofs[name].evidence if known and len(history.labels) and name in snapshot.proofs else None,
    )


def _classes_said(snapshot: Snapshot, name: str) -> dict[str, str]:
    """Item to the class that the machine says."""
    if snapshot.history.encoded is None:
        return {}
    shares, classes = snapshot.machine_shares.get(name), snapshot.project.config.data.classes
    if shares is None:
        return {}
    rows = np.flatnonzero(np.isfinite(shares).all(axis=1))
    return {snapshot.embeddings.ids[row]: classes[int(shares[row].argmax())] for row in rows}


def _draws(history: History) -> list[str]:
    """Items that were drawn uniformly at random and labeled without a suggestion, each once."""
    found = [d.item for d in draws_of(history) if d.uniform and d.ended == "class" and not d.seen and not d.alone]
    return [item for item in dict.fromkeys(found) if item in history.labels]


def _measured(history: History, known: dict[str, str], classes: tuple[str, ...]) -> Reliability | None:
    number = {name: i for i, name in enumerate(classes)}
    both = [(history.labels[item].classes[0], known[item]) for item in _draws(history) if item in known]
    pairs = [(number[truth], number[said]) for truth, said in both if truth in number]
    if not pairs:
        return None
    truth, said = np.array(pairs, dtype=np.int64).T
    return reliability(truth, said, len(classes), needed=1 - PRICE)
