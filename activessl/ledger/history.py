"""The state of a project from its events: the result of ``activessl.ledger.fold``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from activessl.labels.answers import Answer, AnswerKind
from activessl.labels.changes import Naming
from activessl.labels.kinds import Label, Person
from activessl.labels.questions import Question
from activessl.labels.regions.rows import drawn_text
from activessl.ledger.machines import MachineHistory
from activessl.ledger.offers import Choice
from activessl.ledger.schema import (
    AUDIT,
    CONFIRM,
    Accepted,
    BackedUp,
    Closed,
    Compared,
    Created,
    Decided,
    Encoded,
    Forgotten,
    MachineLabel,
    Promoted,
    Pushed,
    Queried,
    Taught,
    Trained,
    TrainingOpened,
    Tuned,
)


@dataclass(frozen=True)
class RoundHistory:
    """One round: its questions, pushes and heads.

    Attributes:
        foreseen: In a project of regions, item id to the regions that the model found in it before it was asked about.
    """

    number: int
    queried: Queried
    at: datetime
    pushed: tuple[Pushed, ...] = ()
    taught: tuple[Taught, ...] = ()
    closed: Closed | None = None
    foreseen: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions, the most informative first."""
        return self.queried.questions

    @property
    def items(self) -> tuple[str, ...]:
        """The items of the questions, in order."""
        return tuple(item for question in self.questions for item in question.items)

    @property
    def confirms(self) -> bool:
        """Whether the round asks about clusters, each to be confirmed as a whole."""
        return self.queried.strategy == CONFIRM

    @property
    def audits(self) -> bool:
        """Whether the round is an audit of accepted items."""
        return self.queried.strategy == AUDIT


@dataclass(frozen=True)
class Training:
    """A training round for annotators.

    Attributes:
        opened: Its items and their known classes.
        done: The parts that people have finished, in the order of finishing.
        questions: For each item that was moved since, the id that it had: its task still has it.
    """

    opened: TrainingOpened
    done: tuple[Trained, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)

    def of(self, annotator: str, part: str) -> Trained | None:
        """The answers of a person to a part; None if it is not finished."""
        return next((one for one in self.done if (one.annotator, one.part) == (annotator, part)), None)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who finished a part, in that order."""
        return tuple(dict.fromkeys(one.annotator for one in self.done))


@dataclass(frozen=True)
class History:
    """The state of a project, from all events of its ledger.

    Attributes:
        before: The heads that were taught labels from before the first round, such as imported ones.
        classes: The classes of the project: those of the config, with people's changes in the labeling tool.
        choice: These changes.
        naming: The changes of ``activessl classes``.
        reopened: Items whose label is open, because their class was split or a merge was taken back, and the newest
            round then: they are asked about again.
        unasked: For a class that was added later, the sources of answers that could not give it.
        labels: Item id to its label, only with classes in ``classes``.
        skipped: Ids of items with a skip and without a label.
        arrived: The newest round when an answer came, by its ``source``; 0 before the first round.
        quarantined: Valid answers with a class that the project does not have (any more), or about an item that it
            never had: they are kept, and used again when the class is added again.
        answers: Every valid answer by its ``source``, in the order of the ledger: edited answers are replaced, deleted
            ones are left out.
        people: The reliability of each annotator whose answers could be compared with those of others.
        watermark: Where the next pull starts.
        missing: Ids of encoded items that were not in the data when it was last read.
        accepted: The acceptance that is in force; None without one.
        machine: Item id to its accepted prediction, without items that people have answered since.
        unaccepted: Predictions that are no longer accepted, because their class was split.
        tried: The attempts to accept predictions, in order.
        late: Item id to the last round that could not ask about it, because it was added, or came back, afterwards.
        removed: For each encoding that had fewer items: the newest round then, and how many items were gone.
        forgotten: The last round of which the items in the pool are not known; 0 if all are known.
        tuned: The fine-tuning of the encoder in use; None if the encoder is not fine-tuned.
        tunings: All attempts to fine-tune the encoder, oldest first.
        decisions: The decisions of the gates, oldest first.
        uncompared: Items that were added and not yet compared with those before, in order.
        comparisons: The comparisons of added items with those before, oldest first.
        promotions: The comparisons of models with the model in use, oldest first.
        backups: The newest backup in each folder.
        erased: Items and annotators that were forgotten.
        started: When the project was created.
        first_taught: When the first head was taught.
        left: Items with answers that had left the pool at an encoding, also if they are back, and their content hash.
        moved_since: Each id that an item had since the pool was encoded, and its id now.
        said: What machines said of items, by the name of the machine: no labels.
        trainings: The training rounds for annotators, oldest first.
        paused: Whether somebody has stopped the opening of rounds on the live page.
    """

    created: Created | None = None
    encoded: Encoded | None = None
    rounds: tuple[RoundHistory, ...] = ()
    before: tuple[Taught, ...] = ()
    classes: tuple[str, ...] = ()
    choice: Choice = field(default_factory=Choice)
    naming: Naming = field(default_factory=Naming)
    reopened: dict[str, int] = field(default_factory=dict)
    unasked: dict[str, frozenset[str]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    arrived: dict[str, int] = field(default_factory=dict)
    quarantined: tuple[Answer, ...] = ()
    answers: dict[str, Answer] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    watermark: str | None = None
    missing: frozenset[str] = frozenset()
    events: int = 0
    accepted: Accepted | None = None
    machine: dict[str, MachineLabel] = field(default_factory=dict)
    unaccepted: int = 0
    tried: tuple[str, ...] = ()
    late: dict[str, int] = field(default_factory=dict)
    removed: tuple[tuple[int, int], ...] = ()
    forgotten: int = 0
    tuned: Tuned | None = None
    tunings: tuple[Tuned, ...] = ()
    decisions: tuple[Decided, ...] = ()
    uncompared: tuple[str, ...] = ()
    comparisons: tuple[Compared, ...] = ()
    promotions: tuple[Promoted, ...] = ()
    backups: tuple[BackedUp, ...] = ()
    erased: tuple[Forgotten, ...] = ()
    started: datetime | None = None
    first_taught: datetime | None = None
    moved_since: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    said: dict[str, MachineHistory] = field(default_factory=dict)
    trainings: tuple[Training, ...] = ()
    paused: bool = False

    @property
    def open_round(self) -> RoundHistory | None:
        """The round that is not closed; None without one."""
        return self.rounds[-1] if self.rounds and self.rounds[-1].closed is None else None

    @property
    def last_round(self) -> int:
        """The number of the newest round; 0 before the first."""
        return self.rounds[-1].number if self.rounds else 0

    @property
    def next_round(self) -> int:
        """The number of the round that comes next."""
        return len(self.rounds) + 1

    @property
    def heads(self) -> tuple[Taught, ...]:
        """The newest head of each round that has one, oldest first; one from before the first round is of round 0."""
        return tuple(taught[-1] for taught in (self.before, *(r.taught for r in self.rounds)) if taught)

    @property
    def taught(self) -> Taught | None:
        """The newest head."""
        return next(reversed(self.heads), None)

    @property
    def model(self) -> str:
        """The name of the newest model in the labeling tool: the version of order and suggestions.

        The name includes head and encoder, because another head or a fine-tuned encoder gives other predictions from
        the same labels.
        """
        if self.taught is None:
            return "cold"
        t = self.taught
        beside = "".join(f"+{name}" for name in t.machines)  # whose suggestion it is
        return f"round-{t.round}-{t.digest[:6]}-{t.head}{beside}-{t.fingerprint[:6]}"

    @property
    def in_use(self) -> tuple[Promoted, ...]:
        """The models that were in use, and can be in use again; the last is in use now. Empty without one."""
        found: list[Promoted] = []
        for one in self.promotions:
            if one.outcome == "rolled back":
                found = found[:-1] or [one]
            elif one.outcome in ("first", "promoted"):
                found.append(one)
        return tuple(found)

    @property
    def drawn(self) -> frozenset[str]:
        """Ids of items that a round drew at random, with known propensity."""
        return frozenset(q.item for r in self.rounds for q in r.questions if q.kind == "random")

    @cached_property
    def questions(self) -> dict[str, Question]:
        """All questions by id; of several questions with one id, the last."""
        return {q.id: q for r in self.rounds for q in r.questions}

    @cached_property
    def askings(self) -> Counter[str]:
        """How often each item was asked about, alone or in a cluster."""
        return Counter(item for r in self.rounds for item in r.items)

    @cached_property
    def _highest(self) -> dict[str, int]:
        highest: dict[str, int] = {}
        for question in self.questions.values():
            for item in question.items:
                highest[item] = max(highest.get(item, 1), question.asking)
        return highest

    def next_asking(self, item: str) -> int:
        """The number of the next question about a labeled item: at least 2, also for an imported label that was never
        asked about."""
        return self._highest.get(item, 1) + 1

    @property
    def untaught(self) -> bool:
        """Whether labels or vectors have changed since the newest head was taught."""
        if not self.labels or self.encoded is None or self.nothing_drawn:
            return False
        taught = self.taught
        return taught is None or (taught.digest, taught.fingerprint) != (self.digest(), self.encoded.fingerprint)

    @cached_property
    def nothing_drawn(self) -> bool:
        """Whether people answered questions about regions, and no item holds one: nothing can be taught yet."""
        drawn = [label.regions for label in self.labels.values() if label.regions is not None]
        return bool(drawn) and not any(drawn)

    def waiting(self, of: RoundHistory) -> tuple[Question, ...]:
        """The questions of a round that can be answered and have no answer yet; clusters without missing items."""
        answered = {a.question for a in self.answers.values()}
        done = self.labels.keys() | self.set_aside | (self.apart if of.confirms else frozenset())
        unread = {a.question for a in self.answers.values() if a.kind == "unread"}  # the next round asks again
        left = []
        for question in of.questions:
            there = tuple(item for item in question.items if item not in self.unshowable)
            again = question.asking > 1
            waits = question.id not in answered if again else not done.issuperset(there) and question.id not in unread
            if question.people > 1:
                waits = self.lacking(question) > 0
            if there and waits:
                left.append(question if there == question.items else question.model_copy(update={"items": there}))
        return tuple(left)

    def lacking(self, question: Question) -> int:
        """How many more people are to answer a question; 0 if ground truth decides about its item."""
        if any(a.ground_truth for a in self._by_question.get(question.id, ())):
            return 0
        return max(0, question.people - len({a.annotator for a in self._by_question.get(question.id, ())}))

    @cached_property
    def _by_question(self) -> dict[str, list[Answer]]:
        found: dict[str, list[Answer]] = {}
        for answer in self.answers.values():
            if not answer.imported:
                found.setdefault(answer.question, []).append(answer)
        return found

    def half_answered(self, of: RoundHistory) -> tuple[Question, ...]:
        """The questions of a round that somebody answered, and that wait for further people."""
        return tuple(q for q in self.waiting(of) if q.people > 1 and self._by_question.get(q.id))

    def all_skipped(self, of: RoundHistory) -> bool:
        """Whether every question of a round was answered, and each answer is a skip."""
        asked = {question.id for question in of.questions}
        kinds = {a.kind for a in self.answers.values() if a.question in asked}
        return kinds == {"skip"} and not self.waiting(of)

    def gone(self, of: RoundHistory) -> frozenset[str]:
        """The items of a round that are missing from the data now, or were forgotten."""
        return self.unshowable.intersection(of.items)

    @cached_property
    def unshowable(self) -> frozenset[str]:
        """Items that nobody can look at: they are missing from the data, or were forgotten."""
        return self.missing | {one.name for one in self.erased if one.what == "item"}

    @property
    def to_ask(self) -> int:
        """Encoded items that can still be asked about; 0 before the first encoding.

        Labels of items that left the pool stay, but these items are no longer among the encoded ones.
        """
        if self.encoded is None:
            return 0
        away = {one.name for one in self.erased if one.what == "item" and one.turn < self.encoded.turn}
        done = self.labels.keys() | self.set_aside | self.machine.keys() | self.missing
        return max(0, self.encoded.items - len(done - self.left.keys() - away))

    @cached_property
    def apart(self) -> frozenset[str]:
        """Ids of items that an annotator excluded from their cluster: they are to be asked about alone."""
        return frozenset(a.item for a in self.answers.values() if a.kind == "apart")

    @cached_property
    def unread(self) -> dict[str, Answer]:
        """Items without a label whose answer cannot be read, and that answer: they are asked about again."""
        done = self.labels.keys() | self.set_aside
        return {a.item: a for a in self.answers.values() if a.kind == "unread" and a.item not in done}

    @cached_property
    def confirmed(self) -> dict[str, tuple[str, ...]]:
        """Ids of items that were confirmed with their cluster, and their classes; also if labeled alone since."""
        return {a.item: a.classes for a in self.answers.values() if a.cluster and a.kind == "label"}

    @cached_property
    def only_confirmed(self) -> frozenset[str]:
        """Ids of items whose label rests only on confirmed clusters."""
        return frozenset(i for i, label in self.labels.items() if all(a.cluster for a in label.answers))

    @cached_property
    def labeled_in(self) -> dict[str, int]:
        """Item id to the newest round when its first label came, 0 before the first round.

        A label of a cluster does not count: the random share draws such an item until a person has labeled it alone.
        """
        return {item: number for item, number in self.arrivals("label").items() if item in self.labels}

    @cached_property
    def set_aside_in(self) -> dict[str, int]:
        """Item id to the newest round when an item without a label was first skipped, or given an unknown class."""
        return {item: number for item, number in self.arrivals("label", "skip").items() if item in self.set_aside}

    def arrivals(self, *kinds: AnswerKind, clusters: bool = False) -> dict[str, int]:
        """Item id to the newest round when the first answer of these kinds came, 0 before the first round.

        Args:
            kinds: The kinds of answers.
            clusters: Whether answers to a cluster count.
        """
        first: dict[str, int] = {}
        for source, answer in self.answers.items():
            if answer.kind in kinds and (clusters or not answer.cluster):
                number = self.arrived.get(source, 0)
                first[answer.item] = min(number, first.get(answer.item, number))
        return first

    @cached_property
    def set_aside(self) -> frozenset[str]:
        """Ids of items with answers but without a label: skipped, or answered with an unknown class."""
        return (self.skipped | ({a.item for a in self.quarantined} - self.labels.keys())) - self.reopened.keys()

    def digest(self) -> str:
        """Return a hash of all labels, and of what machines said: equal ones have equal digests.

        Example:
            >>> len(History().digest())
            16
        """
        # a class that is no longer unknown changes the digest, too
        text = "\n".join(
            f"{item}\t{'|'.join(label.classes)}"
            + (f"\t{'|'.join(label.unknown)}" if label.unknown else "")
            + ("" if label.regions is None else f"\t{drawn_text(label.regions)}")
            for item, label in sorted(self.labels.items())
        )
        text += "".join(f"\nmachine {name}\t{one.digest}" for name, one in sorted(self.said.items()) if one.digest)
        return sha256(text.encode()).hexdigest()[:16]
