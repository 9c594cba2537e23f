"""A trial project: its rounds, ledger and figures are those of the product; files and servers are left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import ActiveSSLError, MeasureError, QueryError
from activessl.heads.registry import make_head
from activessl.labels.answers import Answer, AnswerKind
from activessl.labels.kinds import one_kind
from activessl.labels.questions import Question
from activessl.ledger.fold import fold
from activessl.ledger.schema import (
    Accepted,
    Answered,
    Closed,
    Created,
    Encoded,
    Event,
    MachineAsked,
    Missing,
    Queried,
    Recorded,
    Said,
    Taught,
)
from activessl.measuring.savings.curves import isotonic
from activessl.project.config import MachineConfig, check_config
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.proof.acceptance import judge
from activessl.proof.estimates import Evidence
from activessl.steps.encode import encode
from activessl.steps.select import next_round
from activessl.trials.people import People

#: Rounds of a trial project, how many of them are drawn at random first, their size, random share of the others.
ROUNDS, RANDOM_ROUNDS, SIZE, SHARE = 12, 4, 20, 0.25
#: The promise of ``accept``: most wrong items, and the probability that it is broken.
ERROR, DELTA = 0.1, 0.1
#: The same in the middle of a project: a weak promise, so that something is accepted.
EARLY_DELTA = 0.5
#: Replays of random choice, and the label counts at which they are measured.
REPLAYS, COUNTS = 12, (20, 30, 45, 65, 100, 150, 220, 320, 480, 700, 1000)
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Ground:
    """Data with known classes, encoded once, on which trial projects are made.

    Attributes:
        name: Name of the data.
        project: A project on the disk whose embeddings all trial projects use.
        y: (n,) the true classes.
        base: The project, encoded.
    """

    name: str
    project: Project
    y: Int[np.ndarray, " n"]
    base: Snapshot

    @classmethod
    def make(cls, name: str, vectors: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], folder: Path) -> Ground:
        """Create the project in a folder.

        Args:
            name: Name of the data.
            vectors: One row an item.
            y: The true class indices.
            folder: An empty folder.

        Raises:
            MeasureError: Fewer items than the rounds ask about, twice over.
        """
        if len(y) < 2 * ROUNDS * SIZE or one_kind(y):
            raise MeasureError(
                f"{len(y)} items of {len(np.unique(y))} classes are too few for trial projects",
                hint=f"give at least {2 * ROUNDS * SIZE} labeled items of two classes or more",
            )
        np.savez(folder / "items.npz", vectors=np.asarray(vectors, dtype=np.float32))
        config = check_config(
            {
                "data": {
                    "path": "../items.npz",
                    "modality": "vector",
                    "classes": [f"class {k}" for k in range(int(y.max()) + 1)],
                },
                "query": {"size": SIZE, "random_share": SHARE},
            }
        )
        project = Project.create(folder / "project", config, version="0")
        encode(project)
        base = Snapshot.of(project)
        _ = base.smoothed, base.row  # computed once, for all trial projects
        return cls(name, project, np.asarray(y, dtype=np.int64), base)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.project.own.data.classes

    @property
    def encoded(self) -> Encoded:
        """The event of the encoding."""
        assert self.base.history.encoded is not None
        return self.base.history.encoded

    @cached_property
    def random_curve(self) -> tuple[Int[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """Label counts, and the mean accuracy of random choice with right answers, on the items without a label."""
        counts = [count for count in COUNTS if count <= 0.8 * len(self.y)]
        found = np.zeros((REPLAYS, len(counts)))
        for r in range(REPLAYS):
            order = np.random.default_rng([r, 12]).permutation(len(self.y))
            for c, count in enumerate(counts):
                rows, rest = order[:count], order[count:]
                if one_kind(self.y[rows]):
                    found[r, c] = np.mean(self.y[rest] == self.y[rows[0]])
                    continue
                points = self.base.points_for(rows, self.y[rows])
                head = make_head("logistic", len(self.classes)).fit(points[rows], self.y[rows])
                said = np.asarray(head.predict_proba(points[rest])).argmax(axis=1)
                found[r, c] = np.mean(said == self.y[rest])
        return np.array(counts), np.asarray(isotonic(found.mean(axis=0)))


@dataclass
class TrialProject:
    """One project of simulated people, from the first round to its figures.

    Args:
        ground: The data.
        people: What people do.
        seed: Seed of the project and of the people.
        machines: What each machine says of each item, as class indices, -1 for no answer.
    """

    ground: Ground
    people: People
    seed: int
    machines: tuple[Int[np.ndarray, " n"], ...] = ()
    events: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 77])
        y, k = self.ground.y, len(self.ground.classes)
        self.ids, self.row = self.ground.base.embeddings.ids, self.ground.base.row
        self.strange = self.rng.random(len(y)) < self.people.skips + self.people.unknown
        own = self.ground.project.own
        annotator = own.annotator.model_copy(
            update={"blind_random": self.people.blind, "suggest_above": self.people.above}
        )
        machines = {f"m{i}": MachineConfig(kind="table", path="said.csv") for i in range(len(self.machines))}
        told = own.model_copy(update={"seed": self.seed, "annotator": annotator, "machines": machines})
        self.project = Project(self.ground.project.folder, told)
        self.gone: set[str] = set()
        # what a person says of each item, right or wrong: all figures are about that
        wrong = self.rng.random(len(y)) < self.people.mistakes
        self.said = np.where(wrong, (y + self.rng.integers(1, k, len(y))) % k, y)
        self._given = 0
        self._taught: Snapshot | None = None  # as the newest head was taught
        self._add(Created(classes=self.ground.classes, modality="vector", seed=self.seed, version="0"))
        self._add(self.ground.encoded)
        for name, answers in zip(machines, self.machines, strict=True):
            self._add(self._asked(name, answers))

    def _asked(self, name: str, said: Int[np.ndarray, " n"]) -> MachineAsked:
        classes = self.ground.classes
        one_hot = [tuple(row) for row in np.eye(len(classes)).tolist()]
        pairs = zip(self.ids, said.tolist(), strict=True)
        answers = tuple(Said(item=item, scores=None if at < 0 else one_hot[at]) for item, at in pairs)
        return MachineAsked(machine=name, what="table", version="1", classes=classes, answers=answers, turn=0)

    @property
    def truth(self) -> Int[np.ndarray, " n"]:
        """(n,) what people say of each item; -1 for none of the classes."""
        return np.where(self.strange, -1, self.said)

    @property
    def said_as(self) -> Float[np.ndarray, "n k"]:
        """(n, k) the probability that people give each class where they answer about an item at any place of a round;
        rows of zeros for none of the classes.

        People who tire are wrong more often at the end: the random labels, which are at all places, tell their mean.
        """
        k = len(self.ground.classes)
        wrong = self.people.tires * (SIZE - 1) / (2 * SIZE)
        odds = np.full((len(self.said), k), wrong / max(k - 1, 1))
        odds[np.arange(len(self.said)), self.said] = 1 - wrong
        odds[self.strange] = 0
        return odds

    @property
    def there(self) -> Bool[np.ndarray, " n"]:
        """(n,) which items were not deleted."""
        return np.array([item not in self.gone for item in self.ids])

    def snapshot(self) -> Snapshot:
        """The project now."""
        data = self.project.config.data
        found = Snapshot(self.project, fold(self.events, classes=data.classes, kind=data.kind))
        found = found.sharing(self.ground.base, "embeddings", "smoothed", "row")
        taught = self._taught
        if taught is not None and taught.smooths == found.smooths and taught.history.digest() == found.history.digest():
            found = found.sharing(taught, "heeded")  # the proof of a machine takes most of the time
        return found

    def evidence(self) -> Evidence:
        """The figures of the project now, measured anew."""
        found = Evidence(self.snapshot())
        object.__setattr__(found, "_kept", {})  # the folder's cache is of another trial project
        return found

    def run(self) -> None:
        """Run all rounds."""
        for number in range(1, ROUNDS + 1):
            snapshot = self.snapshot()
            try:
                queried = self._next(snapshot, number)
            except QueryError:
                return  # every item is labeled or accepted
            self._add(queried)
            if self.people.unanswered and number in (4, 7):
                self._add(Closed(round=number, why="nobody had time"))
                continue
            left = self._left_open(snapshot, queried.questions)
            shown = self._shown(snapshot, queried.questions)
            for place, question in enumerate(queried.questions):
                if question.id not in left:
                    self._ask(question, shown.get(question.id), place / len(queried.questions))
            if left:
                self._add(Closed(round=number, why=""))
            self._teach(number)
            self._afterwards(number)

    def _add(self, event: Event) -> None:
        at = _START + timedelta(minutes=len(self.events))
        self.events.append(Recorded(seq=len(self.events) + 1, at=at, event=event))

    def _next(self, snapshot: Snapshot, number: int) -> Queried:
        if number <= RANDOM_ROUNDS:
            return next_round(snapshot, SIZE, strategy="random")
        if self.people.clusters and number in (6, 8):
            with suppress(ActiveSSLError):  # the head is not sure of enough alike items
                return next_round(snapshot, 8, confirm=True)
        return next_round(snapshot, SIZE)

    def _shown(self, snapshot: Snapshot, questions: tuple[Question, ...]) -> dict[str, str]:
        single = [q for q in questions if q.kind != "confirm"]
        said = {s.question: s.preselected() for s in snapshot.suggestions(single) if not s.blind}
        return {question: name for question, name in said.items() if name is not None}

    def _left_open(self, snapshot: Snapshot, questions: tuple[Question, ...]) -> set[str]:
        if not self.people.leaves_open or snapshot.probs is None:
            return set()
        hard = sorted(questions, key=lambda q: snapshot.sure[self.row[q.item]])
        return {q.id for q in hard[: int(len(hard) * self.people.leaves_open)]}

    def _ask(self, question: Question, suggested: str | None, tired: float) -> None:
        if question.kind == "confirm":
            for item in question.items:
                right = self.ground.classes[self.said[self.row[item]]]
                self._answer(item, "ann", right if right == question.proposed else None, question, question.proposed)
            return
        self._answer(question.item, "ann", self._says(question.item, suggested, tired), question, suggested)
        for other in range(self.people.differ):
            careless = self.rng.random() < 0.2 and not self.strange[self.row[question.item]]
            said = self._says(question.item, None, 0.0)
            self._answer(question.item, f"bob {other}", self._another(said) if careless else said, question, None)

    def _says(self, item: str, suggested: str | None, tired: float) -> str | None:
        row = self.row[item]
        if self.strange[row]:
            return None if self.people.skips else "something else"
        said = str(self.ground.classes[self.said[row]])
        if suggested is not None and suggested != said and self.rng.random() < self.people.follows:
            return suggested
        if self.people.tires and self.rng.random() < self.people.tires * tired:
            return self._another(said)
        return said

    def _another(self, said: str | None) -> str | None:
        others = [name for name in self.ground.classes if name != said]
        return str(others[int(self.rng.integers(len(others)))])

    def _answer(self, item: str, who: str, said: str | None, question: Question | None, suggested: str | None) -> None:
        self._given += 1
        source = f"{self._given}" if question is not None else f"import by {who} of {item}"
        cluster = question is not None and question.kind == "confirm"
        kind: AnswerKind = "label" if said is not None else "apart" if cluster else "skip"
        self._add(
            Answered(
                answer=Answer(
                    key=source,
                    source=source,
                    item=item,
                    kind=kind,
                    classes=() if said is None else (said,),
                    annotator=who,
                    seconds=4.0 if question is not None else None,
                    at=_START + timedelta(minutes=len(self.events)),
                    suggested=suggested,
                    question="" if question is None else question.id,
                    asking=1 if question is None else question.asking,
                    cluster=cluster,
                    imported=question is None,
                )
            )
        )

    def _teach(self, number: int) -> None:
        snapshot = self.snapshot()
        history, self._taught = snapshot.history, snapshot.for_next_head()
        self._add(
            Taught(
                round=number,
                head=self.project.config.head.name,
                fingerprint=self.ground.encoded.fingerprint,
                labels=len(history.labels),
                digest=history.digest(),
                seconds=0.1,
                turn=len(self.events),
                smoothed=self._taught.smooths,
                machines=self._taught.heeds,
            )
        )

    def _easiest(self, count: int) -> Iterator[str]:
        snapshot = self.snapshot()
        free = np.flatnonzero(snapshot.free)
        return (self.ids[row] for row in free[np.argsort(-snapshot.sure[free], kind="stable")][:count])

    def _afterwards(self, number: int) -> None:
        if number == 5 and self.people.imports:
            for item in self._easiest(self.people.imports):
                self._answer(item, "import", self.ground.classes[self.said[self.row[item]]], None, None)
            self._teach(number)
        if number == 6 and (self.people.deletes or self.people.loses):
            lost = set(self._easiest(self.people.deletes))
            lost |= {item for item in self.ids if self.rng.random() < self.people.loses}
            self.gone |= lost
            self._add(Missing(items=tuple(sorted(lost)), turn=len(self.events)))
        if number == 6 and self.people.accepts:
            self._accept()

    def _accept(self) -> None:
        snapshot = self.snapshot()
        judged = judge(snapshot, error=ERROR, delta=EARLY_DELTA, per_class=False, audit=0)
        if judged.items:
            self._add(
                Accepted(
                    error=ERROR,
                    delta=EARLY_DELTA,
                    per_class=False,
                    items=judged.items,
                    audit=(),
                    calibration=1,
                    wrong=0,
                    fingerprint=self.ground.encoded.fingerprint,
                    digest=snapshot.history.digest(),
                    look=judged.look,
                    turn=len(self.events),
                )
            )

    def promise(self, snapshot: Snapshot, error: float) -> dict[str, Any]:
        """What ``accept`` would accept in a snapshot of the project, and how much of it is wrong."""
        try:
            judged = judge(snapshot, error=error, delta=DELTA, per_class=False, audit=0)
        except ActiveSSLError as problem:
            return {"error": error, "refused": problem.message}
        truth = self.truth
        true = [truth[self.row[item.id]] for item in judged.items]
        wrong = [y < 0 or item.classes != (self.ground.classes[y],) for item, y in zip(judged.items, true, strict=True)]
        return {"error": error, "items": len(wrong), "wrong": float(np.mean(wrong)) if wrong else None}
