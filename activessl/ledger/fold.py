"""Fold a project's events into its history. Pure: equal events give equal histories; repeated events change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatchmethod

from activessl.labels.answers import Answer
from activessl.labels.kinds import Merging
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.ledger.forgetting import known_as
from activessl.ledger.history import History, RoundHistory, Training
from activessl.ledger.machines import MachineSoFar
from activessl.ledger.offers import ClassesSoFar
from activessl.ledger.renamed import (
    merge_read,
    moments_of,
    read_accepted,
    read_answers,
    read_round,
    read_taught,
    read_training,
)
from activessl.ledger.reviewed import with_decisions
from activessl.ledger.schema import (
    Accepted,
    Answered,
    BackedUp,
    Closed,
    Compared,
    Created,
    Decided,
    Encoded,
    Event,
    Forgotten,
    MachineAsked,
    MachineLabel,
    MachineWithdrawn,
    Missing,
    Moved,
    Offered,
    Paused,
    Predicted,
    Promoted,
    Pulled,
    Pushed,
    Queried,
    Reclassed,
    Recorded,
    Restored,
    Taught,
    Trained,
    TrainingOpened,
    Tried,
    Tuned,
    Untuned,
    Withdrawn,
)


def fold(
    events: Iterable[Recorded], *, classes: Iterable[str], kind: Merging = ONE, reviewers: Iterable[str] = ()
) -> History:
    """Fold events into a history.

    Args:
        events: In the order of the ledger; repeated ones change nothing.
        classes: The classes in the project's config now. Answers with a class that is neither in the config nor was
            added in the labeling tool are quarantined.
        kind: The kind of labels, which merges people's answers.
        reviewers: Whose answers to review questions decide; empty for anybody who had not answered the item before.
    """
    so_far = _SoFar()
    for recorded in events:
        if recorded.seq not in so_far.seen:
            so_far.seen.add(recorded.seq)
            so_far.take(recorded.event, recorded.at)
            so_far.clock(recorded.at)
    return so_far.amount(tuple(classes), kind, frozenset(reviewers))


@dataclass
class _SoFar:
    """The state after the events so far: one method for each kind of event, in the order in which they happen."""

    seen: set[int] = field(default_factory=set)
    created: Created | None = None
    started: datetime | None = None
    encoded: Encoded | None = None
    rounds: dict[int, RoundHistory] = field(default_factory=dict)
    before: tuple[Taught, ...] = ()  # heads from before the first round
    newest: int = 0
    standing: dict[str, Answer] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)  # by source, the newest round when it came
    watermark: str | None = None
    missing: frozenset[str] = frozenset()
    named: ClassesSoFar = field(default_factory=ClassesSoFar)
    # by source of an answer or key of an event, how many changes of the classes there were
    moments: dict[str, tuple[int, ...]] = field(default_factory=dict)
    at_change: dict[str, int] = field(default_factory=dict)
    # classes that joined later: when, and the sources of the answers before
    since: dict[str, datetime] = field(default_factory=dict)
    earlier: dict[str, set[str]] = field(default_factory=dict)
    accepted: Accepted | None = None
    tried: dict[str, None] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    removed: list[tuple[int, int]] = field(default_factory=list)
    tuned: Tuned | None = None
    tunings: list[Tuned] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    uncompared: dict[str, None] = field(default_factory=dict)  # items that were added since the last comparison
    comparisons: list[Compared] = field(default_factory=list)
    promotions: list[Promoted] = field(default_factory=list)
    backups: dict[str, BackedUp] = field(default_factory=dict)
    erased: list[Forgotten] = field(default_factory=list)
    first_taught: datetime | None = None
    names: dict[str, str] = field(default_factory=dict)  # each id that an item had before, and its id now
    moved_since: dict[str, str] = field(default_factory=dict)  # the same, since the encoding
    left: dict[str, str] = field(default_factory=dict)  # items with answers that left, and the hash of their content
    said: dict[str, MachineSoFar] = field(default_factory=dict)  # by the name of the machine
    trainings: dict[int, Training] = field(default_factory=dict)
    paused: bool = False

    @singledispatchmethod
    def take(self, event: Event, at: datetime) -> None:
        """Apply one event."""
        raise TypeError(f"no handler of {type(event).__name__} at {at}")

    @take.register
    def _(self, event: Created, at: datetime) -> None:
        self.created, self.started = event, at

    @take.register
    def _(self, event: Encoded, _at: datetime) -> None:
        if self.encoded is None or event.added is None:  # nothing is known to have been there before
            self.uncompared = {}
        else:
            self.uncompared |= dict.fromkeys(event.added)
        if event.added is not None:
            self.late |= dict.fromkeys(event.added, self.newest)
            before = 0 if self.encoded is None else self.encoded.items
            self.removed.append((self.newest, max(0, before + len(event.added) - event.items)))
        elif self.encoded is not None:
            self.forgotten = self.newest
        self.encoded = event
        self.moved_since = {}
        back = frozenset(event.added or ())
        self.left = {item: digest for item, digest in self.left.items() if item not in back}
        self.left |= dict(event.gone)
        if self.tuned is not None and self.tuned.fingerprint != event.fingerprint:
            self.tuned = None

    @take.register
    def _(self, event: Compared, _at: datetime) -> None:
        self.comparisons.append(event)
        self.uncompared = {}  # what was not in the pool then is added again if it comes back

    @take.register
    def _(self, event: Promoted, _at: datetime) -> None:
        self.promotions.append(event)

    @take.register
    def _(self, event: Tuned, _at: datetime) -> None:
        self.tunings.append(event)
        self.tuned = {"replaced": event, "kept": self.tuned, "taken back": None}[event.outcome]

    @take.register
    def _(self, _event: Untuned, _at: datetime) -> None:
        self.tuned = None

    @take.register
    def _(self, event: Missing, _at: datetime) -> None:
        self.missing = frozenset(event.items)

    @take.register
    def _(self, event: Moved, _at: datetime) -> None:
        to = dict(event.items)
        self.names = {old: to.get(now, now) for old, now in self.names.items()} | to
        self.moved_since = {old: to.get(now, now) for old, now in self.moved_since.items()} | to
        self.missing = frozenset(to.get(item, item) for item in self.missing if item not in to)
        self.late = {to.get(item, item): number for item, number in self.late.items()}
        self.left = {item: digest for item, digest in self.left.items() if item not in to}
        self.standing = {source: _renamed(answer, to) for source, answer in self.standing.items()}
        self.rounds = {number: _with_names(r, to) for number, r in self.rounds.items()}
        if self.accepted is not None:
            items = tuple(one.model_copy(update={"id": to.get(one.id, one.id)}) for one in self.accepted.items)
            audit = tuple(to.get(item, item) for item in self.accepted.audit)
            self.accepted = self.accepted.model_copy(update={"items": items, "audit": audit})
        self.uncompared = {to.get(item, item): None for item in self.uncompared}
        self.comparisons = [_compared(one, to) for one in self.comparisons]
        for one in self.said.values():
            one.rename(to)
        self.trainings = {number: _moved(training, to) for number, training in self.trainings.items()}
        self.tunings = [_taught(tuned, to) for tuned in self.tunings]
        self.tuned = None if self.tuned is None else _taught(self.tuned, to)

    @take.register
    def _(self, event: Queried, at: datetime) -> None:
        self.late |= dict.fromkeys(self.missing, event.round)
        self.at_change[event.key] = len(self.named.changed)
        self.rounds.setdefault(event.round, RoundHistory(event.round, event, at))
        self.newest = max(self.newest, event.round)

    @take.register
    def _(self, event: Predicted, _at: datetime) -> None:
        r = self.rounds.get(event.round)
        if r is not None:
            self.rounds[event.round] = replace(r, foreseen={one.item: one.regions for one in event.items})

    @take.register
    def _(self, event: Pushed, _at: datetime) -> None:
        r = self.rounds.get(event.round)  # None: the ledger does not have this round
        if r is None:
            return
        if any(q.id in event.unseen and not q.blind for q in r.questions):
            # format 1 drew the blind questions at the push: a question that was blind once stays blind
            questions = tuple(q.model_copy(update={"blind": True}) if q.id in event.unseen else q for q in r.questions)
            r = replace(r, queried=r.queried.model_copy(update={"questions": questions}))
        self.at_change[event.key] = len(self.named.changed)
        self.rounds[event.round] = replace(r, pushed=(*r.pushed, event))

    @take.register
    def _(self, event: Taught, at: datetime) -> None:
        r = self.rounds.get(event.round)
        if r is None and event.round:
            return
        self.first_taught = self.first_taught or at
        self.at_change[event.key] = len(self.named.changed)
        if r is None:  # labels that came before the first round
            self.before = (*self.before, event)
        else:
            self.rounds[event.round] = replace(r, taught=(*r.taught, event))

    @take.register
    def _(self, event: Closed, _at: datetime) -> None:
        r = self.rounds.get(event.round)
        if r is not None:
            self.rounds[event.round] = replace(r, closed=event)

    @take.register
    def _(self, event: Answered, _at: datetime) -> None:
        answer = event.answer
        if not answer.imported:  # an import has the ids of its time; a task keeps that of the time when it was made
            answer = self._now_called(answer)
        self.arrived.setdefault(answer.source, self.newest)
        before = self.standing.get(answer.source)
        # the labeling tool orders the edits of one annotation; all else is ordered by the ledger, whatever clocks say
        if before is None or answer.imported or answer.at >= before.at:
            self.standing.pop(answer.source, None)
            self.standing[answer.source] = answer
            changed = self.named.changed
            self.moments[answer.source] = moments_of(answer, len(changed), [when for when, _ in changed])
            for sources in self.earlier.values():
                sources.discard(answer.source)

    @take.register
    def _(self, event: Pulled, _at: datetime) -> None:
        self.watermark = event.watermark

    @take.register
    def _(self, event: Offered, at: datetime) -> None:
        joined = self.named.choice.joined
        self.named.take(event, at.timestamp())
        self._join([name for name in self.named.choice.joined if name not in joined], at)

    @take.register
    def _(self, event: Reclassed, at: datetime) -> None:
        self.named.take(event, at.timestamp(), self.newest)
        if event.verb == "add":
            self._join([name for name in event.after if name not in event.before], at)
        for old, names in event.into:
            if old in self.since:  # who could not give the old class could not give the new one
                for name in names:
                    self.since[name] = max(self.since[old], self.since.get(name, self.since[old]))
                    self.earlier[name] = self.earlier[old] | self.earlier.get(name, set())

    @take.register
    def _(self, event: Restored, at: datetime) -> None:
        self.named.take(event, at.timestamp(), self.newest)

    def _join(self, names: Iterable[str], at: datetime) -> None:
        """Remember who could not give a new class."""
        self.since |= dict.fromkeys(names, at)
        self.earlier |= {name: set(self.standing) for name in names}

    @take.register
    def _(self, event: Accepted, _at: datetime) -> None:
        self.at_change[event.key] = len(self.named.changed)
        self.accepted = event

    @take.register
    def _(self, event: Tried, _at: datetime) -> None:
        self.tried[event.look] = None

    @take.register
    def _(self, _event: Withdrawn, _at: datetime) -> None:
        self.accepted = None

    @take.register
    def _(self, event: MachineAsked, _at: datetime) -> None:
        self.said.setdefault(event.machine, MachineSoFar()).take(event, len(self.named.changed))

    @take.register
    def _(self, event: MachineWithdrawn, _at: datetime) -> None:
        if event.machine in self.said:
            self.said[event.machine].withdraw()

    @take.register
    def _(self, event: Decided, _at: datetime) -> None:
        self.decisions.append(event)

    @take.register
    def _(self, event: TrainingOpened, _at: datetime) -> None:
        self.at_change[event.key] = len(self.named.changed)
        self.trainings[event.training] = Training(event)

    @take.register
    def _(self, event: Trained, _at: datetime) -> None:
        if event.training in self.trainings:
            self.at_change[event.key] = len(self.named.changed)
            before = self.trainings[event.training]
            self.trainings[event.training] = replace(before, done=(*before.done, event))

    @take.register
    def _(self, event: BackedUp, _at: datetime) -> None:
        self.backups[event.where] = event

    @take.register
    def _(self, event: Paused, _at: datetime) -> None:
        self.paused = event.paused

    @take.register
    def _(self, event: Forgotten, _at: datetime) -> None:
        self.erased.append(event)

    def clock(self, at: datetime) -> None:
        """Correct times before by that of a later event: what was earlier in the ledger was not later in time."""
        if any(then > at for then in self.since.values()):
            self.since = {name: min(then, at) for name, then in self.since.items()}

    def _unasked(self, has: tuple[str, ...]) -> dict[str, frozenset[str]]:
        """For each class that was not always offered, the sources of the answers that could not give it."""
        naming = self.named.naming
        offered = {name for names in self.named.choice.last.values() for name in naming.classes(names)}
        found = {}
        for name, then in self.since.items():
            # answers may also come late: those with a time of a labeling tool, or of a file
            late = {source for source, a in self.standing.items() if a.at < then and (a.dated or not a.imported)}
            found[name] = frozenset(late | self.earlier[name])
        if offered:  # without offers, it is not known which classes people can give
            found |= dict.fromkeys(set(has) - offered, frozenset(self.standing))
        return found

    def _now_called(self, answer: Answer) -> Answer:
        """Return an answer with the id that its item has now: a task shows the item that it was made for."""
        if answer.item not in self.names:
            return answer
        asked = [q for r in self.rounds.values() for q in r.questions if q.id == answer.question]
        known = any(answer.item in question.items for question in asked)
        return answer if known else _renamed(answer, self.names)

    def amount(self, classes: tuple[str, ...], kind: Merging, reviewers: frozenset[str]) -> History:
        """Return the history, with the classes that the config has now."""
        has, naming = self.named.classes(classes), self.named.naming
        unasked = self._unasked(has)
        deciding = frozenset(
            known_as(name, self.erased) for name in reviewers
        )  # activessl.toml has the names of before
        read = read_answers(with_decisions(self.standing, self.rounds.values(), deciding), self.moments, naming)
        merged, reopened = merge_read(kind, read, self.moments, has, unasked)
        answered = merged.labels.keys() | merged.skipped | {a.item for a in merged.aside} | reopened.keys()
        accepted, unaccepted = self.accepted, 0
        rounds, before = [self.rounds[number] for number in sorted(self.rounds)], self.before
        if naming.steps:
            rounds = [read_round(r, naming, self.at_change) for r in rounds]
            before = read_taught(before, naming, self.at_change)
        if naming.steps and self.accepted is not None:
            accepted = read_accepted(self.accepted, naming, self.at_change.get(self.accepted.key))
            unaccepted = len(self.accepted.items) - len(accepted.items)
        return History(
            created=self.created,
            encoded=self.encoded,
            rounds=tuple(rounds),
            before=before,
            classes=has,
            choice=self.named.choice,
            naming=naming,
            reopened={item: self.named.changed[at - 1][1] for item, at in reopened.items()},
            unasked=unasked,
            labels=merged.labels,
            arrived={source: self.arrived[source] for source, a in self.standing.items() if a.kind != "delete"},
            skipped=merged.skipped,
            quarantined=merged.aside,
            answers={source: a for source, a in read.answers.items() if a.kind != "delete"},
            people=merged.people,
            watermark=self.watermark,
            missing=self.missing,
            events=len(self.seen),
            accepted=accepted,
            unaccepted=unaccepted,
            machine={} if accepted is None else _standing(accepted, answered, set(has)),
            tried=tuple(self.tried),
            late=self.late,
            forgotten=self.forgotten,
            removed=tuple(one for one in self.removed if one[1]),
            tuned=self.tuned,
            tunings=tuple(self.tunings),
            decisions=tuple(self.decisions),
            uncompared=tuple(self.uncompared),
            comparisons=tuple(self.comparisons),
            promotions=tuple(self.promotions),
            backups=tuple(self.backups.values()),
            erased=tuple(self.erased),
            started=self.started,
            first_taught=self.first_taught,
            moved_since=self.moved_since,
            left=self.left,
            said={name: one.amount(naming) for name, one in self.said.items()},
            trainings=tuple(read_training(self.trainings[n], naming, self.at_change) for n in sorted(self.trainings)),
            paused=self.paused,
        )


def _renamed(answer: Answer, to: Mapping[str, str]) -> Answer:
    return replace(answer, item=to[answer.item]) if answer.item in to else answer


def _with_names(r: RoundHistory, to: Mapping[str, str]) -> RoundHistory:
    """Return a round whose questions are about the new ids; the ids of the questions stay."""

    def renamed(question: Question) -> Question:
        if to.keys().isdisjoint((*question.items, *question.near)):
            return question
        items, near = (tuple(to.get(item, item) for item in part) for part in (question.items, question.near))
        return question.model_copy(update={"items": items, "near": near})

    foreseen = {to.get(item, item): rows for item, rows in r.foreseen.items()}
    questions = tuple(map(renamed, r.questions))
    return replace(r, queried=r.queried.model_copy(update={"questions": questions}), foreseen=foreseen)


def _moved(training: Training, to: Mapping[str, str]) -> Training:
    """Return a training round with the new ids; the ids of its tasks stay."""
    opened = training.opened
    if to.keys().isdisjoint(golden.item for golden in (*opened.before, *opened.after)):
        return training
    first = {
        golden.item: training.questions.get(golden.item, golden.item) for golden in (*opened.before, *opened.after)
    }
    parts = {
        part: tuple(one.model_copy(update={"item": to.get(one.item, one.item)}) for one in items)
        for part, items in (("before", opened.before), ("after", opened.after))
    }
    done = tuple(
        one.model_copy(
            update={"answers": tuple(a.model_copy(update={"item": to.get(a.item, a.item)}) for a in one.answers)}
        )
        for one in training.done
    )
    questions = {to.get(item, item): name for item, name in first.items() if to.get(item, item) != name}
    return Training(opened.model_copy(update=parts), done, questions)


def _taught(tuned: Tuned, to: Mapping[str, str]) -> Tuned:
    return tuned.model_copy(update={"taught": tuple(to.get(item, item) for item in tuned.taught)})


def _compared(event: Compared, to: Mapping[str, str]) -> Compared:
    if to.keys().isdisjoint(event.added):
        return event
    regions = tuple(tuple(to.get(item, item) for item in region) for region in event.regions)
    return event.model_copy(update={"added": tuple(to.get(item, item) for item in event.added), "regions": regions})


def _standing(accepted: Accepted, answered: Set[str], known: Set[str]) -> dict[str, MachineLabel]:
    """The accepted predictions in force: without items that people answered, and with known classes only."""
    return {item.id: item for item in accepted.items if item.id not in answered and known >= set(item.classes)}
