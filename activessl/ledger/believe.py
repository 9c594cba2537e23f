"""What people's answers amount to: one label an item, weighed by how reliable each of them has been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from activessl.annotators.base import Answer, item_of
from activessl.heads.noise import NO_ANSWER, consensus

#: Probabilities closer than this are a tie: of equals the class that was given first is believed.
TIE = 0.01


@dataclass(frozen=True)
class Label:
    """What is believed about one item, from all standing answers about it.

    Attributes:
        classes: The classes believed; of equals, those given first.
        votes: How many annotators gave exactly these.
        annotators: How many labeled the item.
        answers: All standing answers about it, oldest first.
        certainty: Probability of these classes by the annotators' reliability; None where only one person answered.
    """

    classes: tuple[str, ...]
    votes: int
    annotators: int
    answers: tuple[Answer, ...]
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """How far an annotator can be believed.

    Attributes:
        reliability: Estimated probability of a right answer, in [0, 1].
        compared: How many of their answers could be compared with others'.
    """

    reliability: float
    compared: int


def believe(
    answers: Iterable[Answer], known: set[str]
) -> tuple[dict[str, Label], frozenset[str], tuple[Answer, ...], dict[str, Person]]:
    """Labels, skipped items, answers set aside because of their class, and the annotators' reliability.

    Args:
        answers: Standing ones; in any order.
        known: The classes that the project has.
    """
    by_item: dict[str, list[Answer]] = {}
    skips: set[str] = set()
    aside: list[Answer] = []
    for answer in sorted(answers, key=lambda a: (a.at, a.key)):
        item = item_of(answer.item_id)
        if answer.kind == "skip":
            skips.add(item)
        elif answer.kind == "label":
            if known.issuperset(answer.classes):
                by_item.setdefault(item, []).append(answer)
            else:
                aside.append(answer)

    # a person who answers twice has changed their mind
    last = {item: {a.annotator: a for a in given} for item, given in by_item.items()}
    weighed, people = _weighed(last)
    labels: dict[str, Label] = {}
    for item, given in by_item.items():
        votes = Counter(tuple(sorted(a.classes)) for a in last[item].values())
        if item in weighed:
            probs = weighed[item]
            most = max(probs.values())
            winner = next(a.classes for a in last[item].values() if probs[a.classes[0]] >= most - TIE)
            certain: float | None = probs[winner[0]]
        else:
            top = max(votes.values())
            winner = next(a.classes for a in last[item].values() if votes[tuple(sorted(a.classes))] == top)
            certain = None
        labels[item] = Label(winner, votes[tuple(sorted(winner))], len(last[item]), tuple(given), certain)
    return labels, frozenset(skips - labels.keys()), tuple(aside), people


def _weighed(
    last: Mapping[str, Mapping[str, Answer]],
) -> tuple[dict[str, dict[str, float]], dict[str, Person]]:
    """The consensus about items that several people gave one class each, and what it says of these people.

    An item with one answer says nothing about who gave it: it is left out, and costs nothing.
    """
    items = [
        item for item, given in last.items() if len(given) > 1 and all(len(a.classes) == 1 for a in given.values())
    ]
    if not items:
        return {}, {}
    people = sorted({who for item in items for who in last[item]})
    classes = sorted({a.classes[0] for item in items for a in last[item].values()})
    column = {who: i for i, who in enumerate(people)}
    number = {name: i for i, name in enumerate(classes)}
    table = np.full((len(items), len(people)), NO_ANSWER)
    for row, item in enumerate(items):
        for who, answer in last[item].items():
            table[row, column[who]] = number[answer.classes[0]]
    if len(classes) == 1:
        probs, reliability = np.ones((len(items), 1)), np.ones(len(people))
    else:
        found = consensus(table, len(classes))
        probs, reliability = found.probs, found.reliability
    weighed = {item: dict(zip(classes, row.tolist(), strict=True)) for item, row in zip(items, probs, strict=True)}
    compared = (table != NO_ANSWER).sum(axis=0)
    return weighed, {who: Person(float(reliability[i]), int(compared[i])) for who, i in column.items()}
