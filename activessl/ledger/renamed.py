"""What the answers and events of earlier times amount to with the classes of now. Pure.

The ledger keeps the names of each time. They are read through ``Naming``: an answer whose class is open, such as one of
a class that was split, is no label until somebody answers again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from activessl.labels.answers import BETWEEN, Answer, class_text
from activessl.labels.changes import Naming, Reading
from activessl.labels.kinds import Merged, Merging
from activessl.labels.regions.rows import renamed as renamed_regions
from activessl.ledger.history import RoundHistory, Training
from activessl.ledger.schema import Accepted, Golden, Pushed, Taught

#: Begins the name that stands for "one of these classes" while answers are compared; no class begins with it.
_ONE_OF = "\0"


@dataclass(frozen=True)
class ReadAnswers:
    """Answers as they are read now.

    Attributes:
        answers: By source, in the order of the ledger: those whose class is open are of kind "unread".
        open: The same answers, by source, with a name for "one of these" in place of the open class; and the number of
            changes after which it was open.
    """

    answers: dict[str, Answer]
    open: dict[str, tuple[Answer, int]] = field(default_factory=dict)


def read_answers(answers: Mapping[str, Answer], moments: Mapping[str, tuple[int, ...]], naming: Naming) -> ReadAnswers:
    """Read answers with the classes of now.

    Args:
        answers: By source, with the names of their time.
        moments: By source, how many changes had happened when it was given: one number, or two where the clocks of
            ledger and labeling tool differ about that.
        naming: The changes.
    """
    if not naming.steps:
        return ReadAnswers(dict(answers))
    found: dict[str, Answer] = {}
    unclear: dict[str, tuple[Answer, int]] = {}
    for source, answer in answers.items():
        when = moments.get(source, (len(naming.steps),))
        named = {name: naming.read_either(name, *when) for name in answer.classes}
        read = list(named.values())
        of_regions = answer.regions is not None  # not of a project with classes
        now = replace(answer, suggested=_suggested(answer.suggested, naming, when, each=of_regions))
        if answer.regions is not None:
            now = replace(now, regions=renamed_regions(answer.regions, {n: one.names[0] for n, one in named.items()}))
        names = dict.fromkeys(one.names[0] if one.by is None else _ONE_OF + _ONE_OF.join(one.names) for one in read)
        left_open = next((one for one in read if one.by is not None), None)
        if left_open is None or left_open.by is None:
            found[source] = now if tuple(names) == answer.classes else replace(now, classes=tuple(names))
        else:
            why = f"labeled {class_text(answer.classes)} before; {left_open.why}"
            found[source] = replace(now, kind="unread", classes=(), why=why)
            unclear[source] = replace(now, classes=tuple(names)), naming.steps.index(left_open.by) + 1
    return ReadAnswers(found, unclear)


def _suggested(text: str | None, naming: Naming, when: Sequence[int], *, each: bool = False) -> str | None:
    """The suggestion in the names of now; as it was where it is open, since then no label equals it.

    Args:
        text: The suggested classes.
        naming: The changes.
        when: How many changes had happened when it was shown.
        each: Whether each name is of a region of its own: then none is left out, because they are counted.
    """
    if text is None:
        return None
    whole = naming.read_either(text, *when)
    if whole.names != (text,):
        return whole.names[0] if whole.by is None else text
    parts = [naming.read_either(part, *when) for part in text.split(BETWEEN)]
    if any(one.by for one in parts):
        return text
    names = [one.names[0] for one in parts]
    return BETWEEN.join(names if each else dict.fromkeys(names))


def merge_read(
    kind: Merging,
    read: ReadAnswers,
    moments: Mapping[str, tuple[int, ...]],
    classes: Sequence[str],
    unasked: Mapping[str, Set[str]],
) -> tuple[Merged, dict[str, int]]:
    """Merge answers, and find the items that are to be asked about again.

    An item is asked about again where the label that its answers amount to is an open class. A label that somebody gave
    after the change decides.

    Returns:
        The labels; and these items with the number of changes after which they were open.
    """
    merged = kind.merge(read.answers.values(), classes, unasked)
    if not read.open:
        return merged, {}
    since: dict[str, int] = {}
    for answer, at in read.open.values():
        since[answer.item] = max(at, since.get(answer.item, 0))
    others = {s: a for s, a in read.answers.items() if a.item in since and a.kind == "label"}
    later = {a.item for s, a in others.items() if max(moments.get(s, (0,))) >= since[a.item]}
    back = {item: at for item, at in since.items() if item not in later}
    if contested := back.keys() & {a.item for a in others.values()}:
        # as before the change: the people who gave another class may be the less reliable ones
        given = {source: read.open[source][0] if source in read.open else a for source, a in read.answers.items()}
        marks = dict.fromkeys(n for a, _ in read.open.values() for n in a.classes if n.startswith(_ONE_OF))
        voted = kind.merge(given.values(), (*classes, *marks), unasked).labels
        decided = {i for i in contested if i in voted and not any(n.startswith(_ONE_OF) for n in voted[i].classes)}
        back = {item: at for item, at in back.items() if item not in decided}
    labels = {item: label for item, label in merged.labels.items() if item not in back}
    return replace(merged, labels=labels, skipped=merged.skipped - back.keys()), back


def read_round(r: RoundHistory, naming: Naming, moments: Mapping[str, int]) -> RoundHistory:
    """Return a round with the names of now: what its clusters propose, what was hidden, and what its heads were tested
    on.

    Args:
        r: The round.
        naming: The changes.
        moments: By key of an event, how many changes had happened then.
    """
    opened = moments.get(r.queried.key)
    questions = tuple(
        q if not q.proposed else q.model_copy(update={"proposed": _one(naming.read(q.proposed, opened), q.proposed)})
        for q in r.questions
    )
    return replace(
        r,
        queried=r.queried.model_copy(update={"questions": questions}),
        foreseen={item: _foreseen(rows, naming, opened) for item, rows in r.foreseen.items()},
        pushed=tuple(_pushed(one, naming, moments.get(one.key)) for one in r.pushed),
        taught=read_taught(r.taught, naming, moments),
    )


def read_taught(taught: Sequence[Taught], naming: Naming, moments: Mapping[str, int]) -> tuple[Taught, ...]:
    """Return taught heads with the names of now; the arguments are as in ``read_round``."""
    return tuple(_taught(one, naming, moments.get(one.key)) for one in taught)


def _one(reading: Reading, otherwise: str) -> str:
    return reading.names[0] if reading.by is None else otherwise


def _foreseen(rows: Sequence[Mapping[str, Any]], naming: Naming, at: int | None) -> tuple[Mapping[str, Any], ...]:
    """The model's regions in the names of now; a class that is open keeps its name, and matches no region of now."""
    names = {name for row in rows for name in row["classes"]}
    return renamed_regions(rows, {name: _one(naming.read(name, at), name) for name in names})


def _pushed(event: Pushed, naming: Naming, at: int | None) -> Pushed:
    when = (len(naming.steps) if at is None else at,)
    unseen = {question: str(_suggested(name, naming, when)) for question, name in event.unseen.items()}
    return event if unseen == event.unseen else event.model_copy(update={"unseen": unseen})


def _taught(event: Taught, naming: Naming, at: int | None) -> Taught:
    """A head whose classes are others now: what it was measured on says nothing about the classes of now."""
    if event.per_class is None:
        return event
    read = {name: naming.read(name, at) for name in event.per_class}
    if all(one.same and one.by is None for one in read.values()):
        return event.model_copy(update={"per_class": {read[n].names[0]: v for n, v in event.per_class.items()}})
    # the number of test items stays: it counts as a look at the test data
    return event.model_copy(update={"accuracy": None, "per_class": None})


def read_accepted(accepted: Accepted, naming: Naming, at: int | None) -> Accepted:
    """Accepted predictions in the names of now, without those whose class is open.

    Args:
        accepted: The acceptance.
        naming: The changes.
        at: How many changes had happened when it was written.
    """
    items = []
    for item in accepted.items:
        read = [naming.read(name, at) for name in item.classes]
        if all(one.by is None for one in read):
            items.append(item.model_copy(update={"classes": tuple(dict.fromkeys(one.names[0] for one in read))}))
    left = {item.id for item in items}
    audit = tuple(item for item in accepted.audit if item in left)
    return accepted.model_copy(update={"items": tuple(items), "audit": audit})


def read_training(training: Training, naming: Naming, moments: Mapping[str, int]) -> Training:
    """A training round in the names of now, without the items whose class is open: their answer is not known any more.

    Args:
        training: The round.
        naming: The changes.
        moments: By key of an event, how many changes had happened when it was written.
    """
    if not naming.steps:
        return training

    def named(classes: Sequence[str], at: int | None) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_one(naming.read(name, at), name) for name in classes))

    opened, at = training.opened, moments.get(training.opened.key)

    def known(items: Sequence[Golden]) -> tuple[Golden, ...]:
        clear = (one for one in items if all(naming.read(name, at).by is None for name in one.classes))
        return tuple(one.model_copy(update={"classes": named(one.classes, at)}) for one in clear)

    before, after = known(opened.before), known(opened.after)
    items = {one.item for one in (*before, *after)}
    done = tuple(
        one.model_copy(
            update={
                "answers": tuple(
                    a if a.classes is None else a.model_copy(update={"classes": named(a.classes, moments.get(one.key))})
                    for a in one.answers
                    if a.item in items
                )
            }
        )
        for one in training.done
    )
    return replace(training, opened=opened.model_copy(update={"before": before, "after": after}), done=done)


def moments_of(answer: Answer, so_far: int, changed: Collection[float]) -> tuple[int, ...]:
    """Return how many changes had happened when an answer was given: by the ledger and, if they differ, by its time.

    Args:
        answer: The answer.
        so_far: The changes before it came into the ledger.
        changed: The times of these changes, in seconds of the epoch.
    """
    if not so_far or (answer.imported and not answer.dated):
        return (so_far,)
    given = answer.at.timestamp()
    before = min(so_far, sum(at <= given for at in changed))
    return (so_far,) if before == so_far else (so_far, before)
