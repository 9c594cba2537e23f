"""What the ways of merging people's answers share: who said what last, who can be compared, how reliable they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from activessl.labels.answers import Answer
from activessl.labels.consensus import NO_ANSWER, consensus, newcomer, weigh
from activessl.labels.kinds import Person
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int
else:
    np = later("numpy")  # one answer an item needs no arithmetic

#: Probabilities closer than this are a tie: of equals the class that was given first is believed.
TIE = 0.01


def by_item(
    answers: Iterable[Answer], read: Callable[[Answer], Literal["label", "skip", "aside"]], *, most: int | None
) -> tuple[dict[str, list[Answer]], set[str], tuple[Answer, ...]]:
    """Answers that are labels, oldest first, by item; items that were skipped; and answers to be set aside.

    Args:
        answers: In any order.
        read: What an answer of kind "label" is.
        most: How many classes a label may have; None for any number.
    """
    given: dict[str, list[Answer]] = {}
    skips: set[str] = set()
    aside: list[Answer] = []
    for answer in sorted(answers, key=lambda a: (a.at, a.key)):
        if answer.kind not in ("label", "skip"):
            continue
        what = "skip" if answer.kind == "skip" else read(answer)
        if what == "skip":
            skips.add(answer.item)
        elif what == "label" and (most is None or len(answer.classes) <= most):
            given.setdefault(answer.item, []).append(answer)
        else:
            aside.append(answer)
    return given, skips, tuple(aside)


def first_answers(given: Iterable[Answer]) -> dict[str, Answer]:
    """What each annotator says of an item, oldest annotator first, without what was asked again because of doubts.

    Only these may be compared where people are to be measured: an item that is asked again was doubted, and one that
    was confirmed with its cluster was not looked at like the others.
    """
    return {a.annotator: a for a in given if a.first_look}


def by_several(answers: Mapping[str, Mapping[str, Answer]]) -> dict[str, Mapping[str, Answer]]:
    """Items that several people answered. One with a single answer says nothing about who gave it: it is left out."""
    return {item: given for item, given in answers.items() if len(given) > 1}


def table_of(
    items: Mapping[str, Mapping[str, Answer]], people: Sequence[str], say: Callable[[Answer], int | None]
) -> Int[np.ndarray, "n a"]:
    """What each of the people says of each item, as ``say`` numbers it; -1 where that is nothing."""
    column = {who: i for i, who in enumerate(people)}
    table = np.full((len(items), len(people)), NO_ANSWER)
    for row, given in zip(table, items.values(), strict=True):
        for who, answer in given.items():
            said = say(answer)
            if said is not None:
                row[column[who]] = said
    return table


def weighed_by(
    asked: Int[np.ndarray, "n a"], compared: Int[np.ndarray, "m a"], n_classes: int, people: int
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " a"]]:
    """Class probabilities of the items in ``asked`` by everybody's reliability, which ``compared`` alone measures.

    Where nothing can be compared, everybody counts as a newcomer, and as reliable.
    """
    if n_classes == 1 or not len(asked):
        return np.ones((len(asked), n_classes)), np.ones(people)
    confusion, shares = np.tile(newcomer(n_classes), (people, 1, 1)), np.full(n_classes, 1.0 / n_classes)
    reliability = np.ones(people)
    if np.any(compared >= 0):
        found = consensus(compared, n_classes)
        confusion, shares, reliability = found.confusion, found.shares, found.reliability
    if not np.any(asked >= 0):
        return np.full((len(asked), n_classes), 1.0 / n_classes), reliability
    return weigh(asked, confusion, shares), reliability


def people_of(
    compared: Mapping[str, Mapping[str, Answer]], people: Sequence[str], reliability: Float[np.ndarray, " a"]
) -> dict[str, Person]:
    """How reliable those are who could be compared."""
    count = Counter(who for given in compared.values() for who in given)
    return {who: Person(float(reliability[i]), count[who]) for i, who in enumerate(people) if count[who]}
