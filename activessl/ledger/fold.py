"""What a project's events amount to. Pure: the same events give the same history, and repeating one changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256

from activessl.labels.answers import Answer, is_again, item_of
from activessl.labels.merge import Label, Person, believe
from activessl.ledger.offers import Choice
from activessl.ledger.schema import (
    Accepted,
    Answered,
    Closed,
    Created,
    Decided,
    Encoded,
    MachineLabel,
    Missing,
    Offered,
    Pulled,
    Pushed,
    Queried,
    Recorded,
    Taught,
    Tried,
    Tuned,
    Untuned,
    Withdrawn,
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
    def asked(self) -> tuple[str, ...]:
        """The ids that were asked about, the most informative first."""
        return tuple(item.id for item in self.queried.items)


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
        return frozenset(item_of(i.id) for r in self.rounds for i in r.queried.items if i.propensity is not None)

    @property
    def untaught(self) -> bool:
        """Whether there are labels, or vectors, that the newest head does not know."""
        if not self.labels or self.encoded is None:
            return False
        taught = self.taught
        return taught is None or (taught.digest, taught.fingerprint) != (self.digest(), self.encoded.fingerprint)

    def waiting(self, of: RoundHistory) -> tuple[str, ...]:
        """The ids of a round that nobody has answered yet, usably or not, and that can be answered."""
        aside = self.set_aside | self.missing
        if of.queried.groups:
            aside |= self.apart
        again = {a.item_id for a in self.answers.values() if is_again(a.item_id)}
        return tuple(
            i
            for i in of.asked
            if (
                i not in again and item_of(i) not in self.missing
                if is_again(i)
                else i not in self.labels and i not in aside
            )
        )

    def gone(self, of: RoundHistory) -> frozenset[str]:
        """The items that a round asks about, for the first time or again, and that are not in the data any more."""
        return self.missing.intersection(map(item_of, of.asked))

    @cached_property
    def apart(self) -> frozenset[str]:
        """Ids that did not belong to the group they were shown with, as somebody said: to be asked on their own."""
        return frozenset(a.item_id for a in self.answers.values() if a.kind == "apart")

    @cached_property
    def at_a_glance(self) -> dict[str, tuple[str, ...]]:
        """Ids that were confirmed with their group, and as what; also where somebody looked at them alone since."""
        return {a.item_id: a.classes for a in self.answers.values() if a.group and a.kind == "label"}

    @cached_property
    def only_at_a_glance(self) -> frozenset[str]:
        """Ids whose label nobody gave looking at the item alone."""
        return frozenset(i for i, label in self.labels.items() if all(a.group for a in label.answers))

    @property
    def set_aside(self) -> frozenset[str]:
        """Ids that were answered, but with no label to learn from: skipped, or with a class that is not known."""
        return self.skipped | ({item_of(a.item_id) for a in self.quarantined} - self.labels.keys())

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


def fold(events: Iterable[Recorded], *, classes: Iterable[str], multi_label: bool = False) -> History:
    """Fold events into a history.

    Args:
        events: In the order of the ledger; repeated ones change nothing.
        classes: The classes that the project's config has now. Answers with classes that are neither there nor have
            joined in the labeling tool are quarantined.
        multi_label: Whether an item may have several classes: then people's answers are weighed class by class.
    """
    created: Created | None = None
    encoded: Encoded | None = None
    rounds: dict[int, RoundHistory] = {}
    standing: dict[str, Answer] = {}
    watermark: str | None = None
    missing: frozenset[str] = frozenset()
    choice = Choice()
    accepted: Accepted | None = None
    tried: dict[str, None] = {}
    late: dict[str, int] = {}
    forgotten = 0
    tunings: list[Tuned] = []
    tuned: Tuned | None = None
    decisions: list[Decided] = []
    started: datetime | None = None
    first_taught: datetime | None = None
    seen: set[int] = set()
    since: dict[str, datetime] = {}  # classes that joined later, and when

    for recorded in events:
        if recorded.seq in seen:
            continue
        seen.add(recorded.seq)
        match recorded.event:
            case Created() as e:
                created, started = e, recorded.at
            case Encoded() as e:
                if e.added is not None:
                    late |= dict.fromkeys(e.added, max(rounds, default=0))
                elif encoded is not None:
                    forgotten = max(rounds, default=0)
                encoded = e
                if tuned is not None and tuned.fingerprint != e.fingerprint:
                    tuned = None
            case Tuned() as e:
                tunings.append(e)
                tuned = {"replaced": e, "kept": tuned, "taken back": None}[e.outcome]
            case Untuned():
                tuned = None
            case Missing() as e:
                missing = frozenset(e.items)
            case Queried() as e:
                late |= dict.fromkeys(missing, e.round)
                rounds.setdefault(e.round, RoundHistory(e.round, e, recorded.at))
            case Pushed() as e if e.round in rounds:
                r = rounds[e.round]
                rounds[e.round] = RoundHistory(r.number, r.queried, r.at, (*r.pushed, e), r.taught, r.closed)
            case Taught() as e if e.round in rounds:
                first_taught = first_taught or recorded.at
                r = rounds[e.round]
                rounds[e.round] = RoundHistory(r.number, r.queried, r.at, r.pushed, (*r.taught, e), r.closed)
            case Closed() as e if e.round in rounds:
                r = rounds[e.round]
                rounds[e.round] = RoundHistory(r.number, r.queried, r.at, r.pushed, r.taught, e)
            case Answered(answer=answer):
                before = standing.get(answer.source)
                # an edit that was pulled late must not undo a newer one
                if before is None or answer.at >= before.at:
                    standing[answer.source] = answer
            case Pulled() as e:
                watermark = e.watermark
            case Offered() as e:
                joined, choice = choice.joined, choice.after(e)
                since |= dict.fromkeys([name for name in choice.joined if name not in joined], recorded.at)
            case Accepted() as e:
                accepted = e
            case Tried(look=look):
                tried[look] = None
            case Withdrawn():
                accepted = None
            case Decided() as e:
                decisions.append(e)
            case _:
                pass  # about a round that this ledger does not have

    has = choice.classes(classes)
    known = set(has)
    offered = {name for names in choice.last.values() for name in names}
    if offered:  # else nobody says what people can choose from
        since |= dict.fromkeys(known - offered, datetime.max.replace(tzinfo=UTC))
    labels, skipped, quarantined, people = believe(standing.values(), has, since=since if multi_label else None)
    seconds: dict[str, float] = {}
    for answer in standing.values():
        if answer.seconds is not None and answer.kind != "delete":
            seconds[answer.annotator] = seconds.get(answer.annotator, 0.0) + answer.seconds
    return History(
        created=created,
        encoded=encoded,
        rounds=tuple(rounds[n] for n in sorted(rounds)),
        classes=has,
        choice=choice,
        since=since,
        labels=labels,
        skipped=skipped,
        quarantined=quarantined,
        answers={source: a for source, a in standing.items() if a.kind != "delete"},
        people=people,
        seconds=seconds,
        watermark=watermark,
        missing=missing,
        events=len(seen),
        accepted=accepted,
        machine={}
        if accepted is None
        else _standing(accepted, labels.keys() | skipped | {item_of(a.item_id) for a in quarantined}, known),
        tried=tuple(tried),
        late=late,
        forgotten=forgotten,
        tuned=tuned,
        tunings=tuple(tunings),
        decisions=tuple(decisions),
        started=started,
        first_taught=first_taught,
    )


def _standing(accepted: Accepted, answered: Set[str], known: Set[str]) -> dict[str, MachineLabel]:
    """What of an acceptance still stands: people outrank the machine, and classes may have gone."""
    return {item.id: item for item in accepted.items if item.id not in answered and known >= set(item.named)}
