"""Hold a training round: people answer items whose answers are known, see their mistakes, and answer others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from activessl.annotators.base import Annotator, Asked, Tutor
from activessl.errors import AnnotatorError, ConfigError, LabelError, ProjectError
from activessl.labels.answers import Answer
from activessl.labels.questions import Question
from activessl.ledger.forgetting import known_as
from activessl.ledger.history import Training
from activessl.ledger.schema import Golden, GoldenAnswer, Trained, TrainingOpened
from activessl.pool.pool import Pool
from activessl.project.folder import Project
from activessl.project.snapshot import Snapshot
from activessl.steps.golden import Known, known_items, two_parts

__all__ = ["Held", "train_annotators"]

#: The training takes about so many seconds by the times of the project's answers, and has so many items at least and
#: at most.
_SECONDS, _FEWEST, _MOST = 900.0, 8, 60


@dataclass(frozen=True)
class Held:
    """A training round at this moment.

    Attributes:
        training: Its items, and the parts that people have finished.
        where: The address at which people answer.
        halfway: For each person who began and did not finish a part, how many of its items are answered.
        second: Whether the items of the second part are there: somebody has finished the first.
    """

    training: Training
    where: str
    halfway: tuple[tuple[str, int, int], ...]
    second: bool


def train_annotators(project: Project, annotator: Annotator, items: int | None = None, *, anew: bool = False) -> Held:
    """Open a training round or go on with it: fetch answers, and add the second part once somebody finished the first.

    Args:
        project: The project.
        annotator: The annotator.
        items: Items of a new round; by default those of about 15 minutes.
        anew: Whether to open another round, with other items where there are enough.

    Raises:
        AnnotatorError: The annotator cannot hold training rounds, cannot be reached, or refuses.
        ConfigError: ``items`` is below 8.
        LabelError: The answers of too few items are known.
        ProjectError: The pool is not encoded yet.
    """
    if not isinstance(annotator, Tutor):
        raise AnnotatorError(
            f"{type(annotator).__name__} cannot hold training rounds", hint="use Label Studio: annotator.kind"
        )
    if items is not None and items < _FEWEST:
        raise ConfigError(f"{items} items are too few for a training round", hint=f"pass at least {_FEWEST}")
    with project.lock():
        snapshot = Snapshot.of(project)
        if anew or not snapshot.history.trainings:
            project.append(_opened(snapshot, items))
            snapshot = Snapshot.of(project)
        training = snapshot.history.trainings[-1]
        people = annotator.training(training.opened.training)
        pool = project.pool()
        _check(training, pool)
        asked = _asked(training, pool)
        pushed = people.push(pool, asked, (), model=_MODEL)
        answers = _newest(people.pull()[0], snapshot)
        training, halfway = _told(project, training, pool, answers)
        due = _asked(training, pool)
        if len(due) > len(asked):  # somebody has finished the first part since
            pushed = people.push(pool, due, (), model=_MODEL)
        return Held(training, pushed.where, halfway, _second(training))


#: The version of the empty predictions that order the items.
_MODEL = "training"


def _opened(snapshot: Snapshot, items: int | None) -> TrainingOpened:
    history = snapshot.history
    number = len(history.trainings) + 1
    used = {g.item for t in history.trainings for g in (*t.opened.before, *t.opened.after)}
    known = known_items(snapshot)
    fresh = [one for one in known if one.item not in used]
    rng = np.random.default_rng([snapshot.project.config.seed, number, 0x7EAC])
    n = items if items is not None else _about(snapshot)
    before, after = two_parts(fresh, n, rng)
    if 2 * len(before) < _FEWEST:
        before, after = two_parts(known, n, rng)
    if 2 * len(before) < _FEWEST:
        raise LabelError(
            f"the answers of {len(known)} items are known; a training round needs {_FEWEST}, an even number of each "
            "class",
            hint="mark right answers as ground truth in Label Studio, or let two people answer with annotator.overlap",
        )
    return TrainingOpened(
        training=number,
        before=_golden(before),
        after=_golden(after),
        single=sum(one.by == "one" for one in (*before, *after)),
        turn=history.events,
    )


def _about(snapshot: Snapshot) -> int:
    """Items of about 15 minutes: an even number."""
    took = [a.seconds for a in snapshot.history.answers.values() if a.seconds and not a.cluster]
    each = median(took) if took else 30.0
    return int(np.clip(_SECONDS / each, 2 * _FEWEST, _MOST)) // 2 * 2


def _golden(known: list[Known]) -> tuple[Golden, ...]:
    return tuple(Golden(item=one.item, classes=one.classes) for one in known)


def _check(training: Training, pool: Pool) -> None:
    """Refuse to go on with a training round of which no item is left: all were forgotten, or their classes are open."""
    if not (_there(training.opened.before, pool) and _there(training.opened.after, pool)):
        raise LabelError(
            f"training round {training.opened.training} has no items any more whose answers are known",
            hint="begin another training round with --anew",
        )


def _there(items: Sequence[Golden], pool: Pool) -> list[Golden]:
    """The items that can be shown: not those that were forgotten, or that are gone from the data."""
    return [golden for golden in items if golden.item in pool]


def _id(training: Training, item: str) -> str:
    """The id of the question about an item: it was made from the id that the item had then."""
    return training.questions.get(item, item)


def _second(training: Training) -> bool:
    """Whether the second part is there: somebody has finished the first."""
    return any(one.part == "before" for one in training.done)


def _asked(training: Training, pool: Pool) -> Asked:
    """The first part; and the second, once somebody has finished the first."""
    parts = _there(training.opened.before, pool)
    if _second(training):
        parts += _there(training.opened.after, pool)
    questions = tuple(
        Question(id=_id(training, one.item), kind="audit", items=(one.item,), reason="training", blind=True)
        for one in parts
    )
    return Asked(questions, "training", 0)


def _newest(answers: list[Answer], snapshot: Snapshot) -> dict[tuple[str, str], Answer]:
    """The newest answer of each person to each question."""
    found: dict[tuple[str, str], Answer] = {}
    for answer in answers:  # oldest first
        who = known_as(answer.annotator, snapshot.history.erased)
        if answer.kind != "delete":
            found[who, answer.question or answer.item] = answer
    return found


def _told(
    project: Project, training: Training, pool: Pool, answers: dict[tuple[str, str], Answer]
) -> tuple[Training, tuple[tuple[str, int, int], ...]]:
    """Write the parts that were finished since into the ledger; return the round, and who is in the middle of one."""
    halfway = []
    for who in sorted({who for who, _ in answers}):
        parts = (("before", training.opened.before), ("after", training.opened.after))
        for part, golden in parts:
            if training.of(who, part) is not None:
                continue
            items = [one.item for one in _there(golden, pool)]
            given = [answers.get((who, _id(training, item))) for item in items]
            count = sum(one is not None for one in given)
            if count == len(items):
                project.append(
                    Trained(
                        training=training.opened.training,
                        part="before" if part == "before" else "after",
                        annotator=who,
                        answers=tuple(
                            GoldenAnswer(
                                item=item,
                                classes=one.classes if one.kind == "label" else None,
                                seconds=one.seconds,
                            )
                            for item, one in zip(items, given, strict=True)
                            if one is not None
                        ),
                        turn=project.history().events,
                    )
                )
                training = _again(project)
            elif count:
                halfway.append((who, count, len(items)))
    return training, tuple(halfway)


def _again(project: Project) -> Training:
    trainings = project.history().trainings
    if not trainings:
        raise ProjectError("the training round is not in the ledger", hint="run `activessl verify`")
    return trainings[-1]
