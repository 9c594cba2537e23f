"""Shared parts of merging answers: last and first answers, comparable answers, and reliability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from activessl.labels.answers import Answer
from activessl.labels.consensus import NO_ANSWER, consensus, newcomer, weigh
from activessl.labels.kinds import Person
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int
else:
    np = later("numpy")  # not needed where each item has one answer

#: Probabilities closer than this are a tie: then the class that was given first is the label.
TIE = 0.01


@dataclass(frozen=True)
class Sorted:
    """Answers by what they are.

    Attributes:
        given: Labels by item, oldest first.
        skips: Items with a skip.
        aside: Answers to be set aside.
        undecided: Items whose newest ground truth is set aside: other answers do not label them.
    """

    given: dict[str, list[Answer]]
    skips: set[str]
    aside: tuple[Answer, ...]
    undecided: frozenset[str]


def by_item(
    answers: Iterable[Answer], read: Callable[[Answer], Literal["label", "skip", "aside"]], *, most: int | None
) -> Sorted:
    """Sort answers into labels, skips, and those to be set aside.

    Args:
        answers: Oldest first. Their times are not compared: each is by the clock of another system.
        read: How an answer of kind "label" counts: as a label, a skip, or set aside.
        most: The largest number of classes of a label; None for any number.
    """
    given: dict[str, list[Answer]] = {}
    skips: set[str] = set()
    aside: list[Answer] = []
    truths: dict[str, bool] = {}  # by item, whether its newest ground truth is a label
    for answer in answers:
        if answer.kind not in ("label", "skip"):
            continue
        what = "skip" if answer.kind == "skip" else read(answer)
        if what == "skip":
            skips.add(answer.item)
        elif what == "label" and (most is None or len(answer.classes) <= most):
            given.setdefault(answer.item, []).append(answer)
            truths |= {answer.item: True} if answer.ground_truth else {}
        else:
            aside.append(answer)
            truths |= {answer.item: False} if answer.ground_truth else {}
    return Sorted(given, skips, tuple(aside), frozenset(item for item, known in truths.items() if not known))


def truth_of(given: Sequence[Answer]) -> Answer | None:
    """The newest answer that is marked as ground truth: it decides, however many others differ. None without one.

    Args:
        given: Oldest first.
    """
    return next((a for a in reversed(given) if a.ground_truth), None)


def first_answers(given: Iterable[Answer]) -> dict[str, Answer]:
    """The last answer of each annotator to the first question about an item, oldest annotator first.

    Only these measure reliability: an item that is asked again was doubted, and an item that was confirmed with its
    cluster was not seen alone.
    """
    return {a.annotator: a for a in given if a.first_look}


def by_several(answers: Mapping[str, Mapping[str, Answer]]) -> dict[str, Mapping[str, Answer]]:
    """Items with answers of several people. A single answer does not measure reliability, so it is left out."""
    return {item: given for item, given in answers.items() if len(given) > 1}


def table_of(
    items: Mapping[str, Mapping[str, Answer]], people: Sequence[str], say: Callable[[Answer], int | None]
) -> Int[np.ndarray, "n a"]:
    """Table of answers, items by people, numbered by ``say``; -1 without an answer."""
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
    """Class probabilities of the items in ``asked``, by the reliability that is measured on ``compared``.

    Without comparable answers, every annotator has the confusion matrix of a new annotator, and reliability 1.
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
    """The reliability of each annotator with comparable answers."""
    count = Counter(who for given in compared.values() for who in given)
    return {who: Person(float(reliability[i]), count[who]) for i, who in enumerate(people) if count[who]}
