"""What a project's events amount to: the values that ``activessl.ledger.fold`` gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from activessl.labels.answers import Answer
from activessl.labels.kinds import Label, Person
from activessl.labels.questions import Question
from activessl.ledger.offers import Choice
from activessl.ledger.schema import (
    AUDIT,
    CONFIRM,
    Accepted,
    Closed,
    Created,
    Decided,
    Encoded,
    MachineLabel,
    Pushed,
    Queried,
    Taught,
    Tuned,
)


@dataclass(frozen=True)
class RoundHistory:
    """One round: what was asked, what came of it."""

    number: int
    queried: Queried
    at: datetime
    pushed: tuple[Pushed, ...] = ()
    taught: tuple[Taught, ...] = ()
    closed: Closed | None = None

    @property
    def questions(self) -> tuple[Question, ...]:
        """What was asked, the most informative first."""
        return self.queried.questions

    @property
    def items(self) -> tuple[str, ...]:
        """The items that were asked about, in the order of the questions."""
        return tuple(item for question in self.questions for item in question.items)

    @property
    def confirms(self) -> bool:
        """Whether it shows clusters, to be confirmed at a glance."""
        return self.queried.strategy == CONFIRM

    @property
    def audits(self) -> bool:
        """Whether it looks at items accepted by machine."""
        return self.queried.strategy == AUDIT


@dataclass(frozen=True)
class History:
    """All that a ledger says.

    Attributes:
        classes: The classes that the project has: the config's, and what people changed in the labeling tool.
        choice: These changes.
        since: Of a class that joined later, from when on people could give it.
        labels: Item id to what is believed about it, only classes that ``classes`` holds.
        skipped: Ids that somebody skipped and nobody labeled.
        quarantined: Standing answers with a class that the project does not have (any more), or about an item that it
            never had: kept, and used again when the class comes back.
        answers: Every standing answer, by the annotator's own name for it: edits replaced, deletions gone.
        people: How reliable the annotators are whose answers could be compared with others'.
        seconds: Recorded human seconds by annotator, over standing answers and skips.
        watermark: Where the next pull starts.
        missing: Ids of encoded items that were not in the data when it was last looked at.
        accepted: What stands accepted by machine; None if nothing does.
        machine: Item id to its accepted prediction, without items that people have answered since.
        tried: The looks at what can be accepted, in the order they were taken.
        late: Item id to the last round that could not ask about it, because it came, or came back, afterwards.
        forgotten: Of rounds up to this one it is not known which items there were.
        tuned: How the encoder in use was fine-tuned; None where it is as it was trained.
        tunings: All attempts to fine-tune it, oldest first.
        decisions: What the gates of the project's stages said, oldest first.
        started: When the project was made.
        first_taught: When its first head was taught.
    """

    created: Created | None = None
    encoded: Encoded | None = None
    rounds: tuple[RoundHistory, ...] = ()
    classes: tuple[str, ...] = ()
    choice: Choice = field(default_factory=Choice)
    since: dict[str, datetime] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    quarantined: tuple[Answer, ...] = ()
    answers: dict[str, Answer] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    watermark: str | None = None
    missing: frozenset[str] = frozenset()
    events: int = 0
    accepted: Accepted | None = None
    machine: dict[str, MachineLabel] = field(default_factory=dict)
    tried: tuple[str, ...] = ()
    late: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    tuned: Tuned | None = None
    tunings: tuple[Tuned, ...] = ()
    decisions: tuple[Decided, ...] = ()
    started: datetime | None = None
    first_taught: datetime | None = None

    @property
    def open_round(self) -> RoundHistory | None:
        """The round that is being labeled, if there is one."""
        return self.rounds[-1] if self.rounds and self.rounds[-1].closed is None else None

    @property
    def taught(self) -> Taught | None:
        """The newest head."""
        newest = [r.taught[-1] for r in self.rounds if r.taught]
        return newest[-1] if newest else None

    @property
    def model(self) -> str:
        """What the annotators' side calls the newest head: the version of order and suggestions.

        Another kind of head, or an encoder that was fine-tuned, says something else of the same labels.
        """
        if self.taught is None:
            return "cold"
        t = self.taught
        return f"round-{t.round}-{t.digest[:6]}-{t.head}-{t.fingerprint[:6]}"

    @property
    def drawn(self) -> frozenset[str]:
        """Ids of items that some round drew at random, with known propensity."""
        return frozenset(q.item for r in self.rounds for q in r.questions if q.kind == "random")

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Everything that was asked, by its id; of what was asked again under one id, the last."""
        return {q.id: q for r in self.rounds for q in r.questions}

    @cached_property
    def askings(self) -> Counter[str]:
        """How often an item was asked about alone, or shown in a cluster."""
        return Counter(item for r in self.rounds for item in r.items)

    @cached_property
    def _highest(self) -> dict[str, int]:
        highest: dict[str, int] = {}
        for question in self.questions.values():
            for item in question.items:
                highest[item] = max(highest.get(item, 1), question.asking)
        return highest

    def next_asking(self, item: str) -> int:
        """Which question about an item that has a label the next one is: 2 at least, also where nobody asked so far, as
        of a label that was imported."""
        return self._highest.get(item, 1) + 1

    @property
    def untaught(self) -> bool:
        """Whether there are labels, or vectors, that the newest head does not know."""
        if not self.labels or self.encoded is None:
            return False
        taught = self.taught
        return taught is None or (taught.digest, taught.fingerprint) != (self.digest(), self.encoded.fingerprint)

    def waiting(self, of: RoundHistory) -> tuple[Question, ...]:
        """The questions of a round that nobody has answered yet, usably or not, and that can be answered; a cluster
        without items that are gone."""
        answered = {a.question for a in self.answers.values()}
        done = self.labels.keys() | self.set_aside | (self.apart if of.confirms else frozenset())
        left = []
        for question in of.questions:
            there = tuple(item for item in question.items if item not in self.missing)
            again = question.asking > 1
            waits = question.id not in answered if again else not done.issuperset(there)
            if there and waits:
                left.append(question if there == question.items else question.model_copy(update={"items": there}))
        return tuple(left)

    def gone(self, of: RoundHistory) -> frozenset[str]:
        """The items that a round asks about, for the first time or again, and that are not in the data any more."""
        return self.missing.intersection(of.items)

    @cached_property
    def apart(self) -> frozenset[str]:
        """Ids that did not belong to the cluster they were shown with, as somebody said: to be asked on their own."""
        return frozenset(a.item for a in self.answers.values() if a.kind == "apart")

    @cached_property
    def confirmed(self) -> dict[str, tuple[str, ...]]:
        """Ids that were confirmed with their cluster, and as what; also where somebody looked at them alone since."""
        return {a.item: a.classes for a in self.answers.values() if a.cluster and a.kind == "label"}

    @cached_property
    def only_confirmed(self) -> frozenset[str]:
        """Ids whose label nobody gave looking at the item alone."""
        return frozenset(i for i, label in self.labels.items() if all(a.cluster for a in label.answers))

    @property
    def set_aside(self) -> frozenset[str]:
        """Ids that were answered, but with no label to learn from: skipped, or with a class that is not known."""
        return self.skipped | ({a.item for a in self.quarantined} - self.labels.keys())

    def digest(self) -> str:
        """Names the labels there are: the same labels have the same digest.

        Example:
            >>> len(History().digest())
            16
        """
        # that an item is now known to lack a class is news, too
        text = "\n".join(
            f"{item}\t{'|'.join(label.classes)}" + (f"\t{'|'.join(label.unknown)}" if label.unknown else "")
            for item, label in sorted(self.labels.items())
        )
        return sha256(text.encode()).hexdigest()[:16]
