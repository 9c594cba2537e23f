"""What people's answers amount to: one label an item, weighed by how reliable each of them has been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from activessl.labels.answers import Answer
from activessl.labels.consensus import NO_ANSWER, consensus, newcomer, weigh
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int
else:
    np = later("numpy")  # one answer an item needs no arithmetic

#: Probabilities closer than this are a tie: of equals the class that was given first is believed.
TIE = 0.01


@dataclass(frozen=True)
class Label:
    """What is believed about one item, from all standing answers about it.

    Attributes:
        classes: The classes believed; of equals, those given first. Multi-label in the order of the project's.
        votes: How many annotators gave exactly these; multi-label perhaps none.
        annotators: How many labeled the item.
        answers: All standing answers about it, oldest first.
        certainty: Probability of these classes by the annotators' reliability; None where only one person answered.
        unknown: Multi-label, classes that nobody could give when they looked at the item.
    """

    classes: tuple[str, ...]
    votes: int
    annotators: int
    answers: tuple[Answer, ...]
    certainty: float | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """How far an annotator can be believed, by items that several people were asked about in the first place.

    What was asked again was asked because it was doubted: it would make everybody look worse than they are.

    Attributes:
        reliability: Estimated probability of a right answer, in [0, 1].
        compared: How many of their answers could be compared with others'.
    """

    reliability: float
    compared: int


def believe(
    answers: Iterable[Answer], classes: Sequence[str], *, since: Mapping[str, datetime] | None = None
) -> tuple[dict[str, Label], frozenset[str], tuple[Answer, ...], dict[str, Person]]:
    """Labels, skipped items, answers set aside because of their class, and the annotators' reliability.

    Args:
        answers: Standing ones; in any order.
        classes: Those that the project has, in their order.
        since: Where an item may have several of them, or none, each is weighed on its own; of a class that joined
            later, from when on people could give it. None where an item has one.
    """
    known = set(classes)
    by_item: dict[str, list[Answer]] = {}
    skips: set[str] = set()
    aside: list[Answer] = []
    for answer in sorted(answers, key=lambda a: (a.at, a.key)):
        item = answer.item
        if answer.kind == "skip" or (answer.kind == "label" and not answer.classes and since is None):
            skips.add(item)
        elif answer.kind == "label":
            if since is not None or (len(answer.classes) == 1 and answer.classes[0] in known):
                by_item.setdefault(item, []).append(answer)
            else:
                aside.append(answer)

    # a person who answers twice has changed their mind
    last = {item: _last(given) for item, given in by_item.items()}
    if since is not None:
        labels, people = _class_by_class(by_item, last, classes, since)
        return labels, frozenset(skips - labels.keys()), tuple(aside), people
    weighed, people = _weighed(last, {item: first_answers(given) for item, given in by_item.items()})
    labels = {}
    for item, given in by_item.items():
        said = [a.classes for a in last[item].values()]
        winner, certain = said[0], None
        if item in weighed:  # several people
            probs = weighed[item]
            # the likeliest class of all may be one that nobody gave this item
            most = max(probs[name] for (name,) in said)
            winner = next(one for one in said if probs[one[0]] >= most - TIE)
            certain = probs[winner[0]]
        labels[item] = Label(winner, said.count(winner), len(said), tuple(given), certain)
    return labels, frozenset(skips - labels.keys()), tuple(aside), people


def first_answers(given: Iterable[Answer]) -> dict[str, Answer]:
    """What each annotator says of an item, oldest annotator first, without what was asked again because of doubts.

    Only these may be compared where people are to be measured: an item that is asked again was doubted, and one that
    was confirmed with its cluster was not looked at like the others.
    """
    return _last(a for a in given if a.first_look)


def _last(given: Iterable[Answer]) -> dict[str, Answer]:
    return {a.annotator: a for a in given}


def _weighed(
    last: Mapping[str, Mapping[str, Answer]], first: Mapping[str, Mapping[str, Answer]]
) -> tuple[dict[str, dict[str, float]], dict[str, Person]]:
    """Class probabilities of the items that several people gave one class each, and what is known of these people.

    People are measured by ``first`` only, items by all that was said of them. An item with one answer says nothing
    about who gave it: it is left out, and costs nothing.
    """
    disputed, compared = _by_several(last), _by_several(first)
    if not disputed:
        return {}, {}
    tables = (disputed, compared)
    people = {who: i for i, who in enumerate(sorted({who for t in tables for given in t.values() for who in given}))}
    names = sorted({a.classes[0] for t in tables for given in t.values() for a in given.values()})
    number = {name: i for i, name in enumerate(names)}
    a, k = len(people), len(names)
    if k == 1:
        return {item: {names[0]: 1.0} for item in disputed}, _people(compared, people, np.ones(a))
    confusion, shares, reliability = np.tile(newcomer(k), (a, 1, 1)), np.full(k, 1.0 / k), np.ones(a)
    if compared:
        found = consensus(_table(compared, people, number), k)
        confusion, shares, reliability = found.confusion, found.shares, found.reliability
    probs = weigh(_table(disputed, people, number), confusion, shares)
    weighed = {item: dict(zip(names, row.tolist(), strict=True)) for item, row in zip(disputed, probs, strict=True)}
    return weighed, _people(compared, people, reliability)


def _class_by_class(
    given: Mapping[str, Sequence[Answer]],
    last: Mapping[str, Mapping[str, Answer]],
    classes: Sequence[str],
    since: Mapping[str, datetime],
) -> tuple[dict[str, Label], dict[str, Person]]:
    """Labels of any number of classes: of each class it is asked whether people gave it, weighed by how often they are
    right about that class; how reliable somebody is is the mean over the classes. What was taken out of the classes is
    passed over: what was said of the others stands."""
    disputed = _by_several(last)
    compared = _by_several({item: first_answers(answers) for item, answers in given.items()})
    everybody = {who for table in (disputed, compared) for said in table.values() for who in said}
    people = {who: i for i, who in enumerate(sorted(everybody))}
    chance = np.zeros((len(disputed), len(classes)))  # that an item has a class
    reliability = np.ones((len(classes), len(people)))
    for k, name in enumerate(classes):
        asked, known = (_gave(table, people, name, since) for table in (disputed, compared))
        confusion, shares = np.tile(newcomer(2), (len(people), 1, 1)), np.full(2, 0.5)
        if np.any(known >= 0):
            found = consensus(known, 2)
            confusion, shares, reliability[k] = found.confusion, found.shares, found.reliability
        if np.any(asked >= 0):
            chance[:, k] = np.where((asked >= 0).any(axis=1), weigh(asked, confusion, shares)[:, 1], 0.0)
    row = {item: i for i, item in enumerate(disputed)}
    labels = {}
    for item, answers in given.items():
        first = frozenset(next(iter(last[item].values())).classes)
        believed, certain = first, None
        if item in row:
            p = dict(zip(classes, chance[row[item]].tolist(), strict=True))
            # of a tie, what was said first
            believed = frozenset(c for c in classes if (c in first if abs(p[c] - 0.5) < TIE else p[c] > 0.5))
            certain = float(np.prod([p[c] if c in believed else 1 - p[c] for c in classes]))
        votes = sum(believed.intersection(classes) == set(classes).intersection(a.classes) for a in last[item].values())
        named = tuple(c for c in classes if c in believed)
        unknown = tuple(c for c in classes if not any(could_say(a, c, since) for a in last[item].values()))
        labels[item] = Label(named, votes, len(last[item]), tuple(answers), certain, unknown)
    return labels, _people(compared, people, reliability.mean(axis=0))


def could_say(answer: Answer, name: str, since: Mapping[str, datetime]) -> bool:
    """Whether a class was there to be given when somebody answered."""
    return name in answer.classes or name not in since or answer.at >= since[name]


def _gave(
    items: Mapping[str, Mapping[str, Answer]], people: Mapping[str, int], name: str, since: Mapping[str, datetime]
) -> Int[np.ndarray, "n a"]:
    """Whether each of the people gave the items a class: 1, 0, or no answer."""
    table = np.full((len(items), len(people)), NO_ANSWER)
    for i, said in enumerate(items.values()):
        for who, answer in said.items():
            if could_say(answer, name, since):
                table[i, people[who]] = name in answer.classes
    return table


def _by_several(answers: Mapping[str, Mapping[str, Answer]]) -> dict[str, Mapping[str, Answer]]:
    return {item: given for item, given in answers.items() if len(given) > 1}


def _table(
    items: Mapping[str, Mapping[str, Answer]], people: Mapping[str, int], number: Mapping[str, int]
) -> Int[np.ndarray, "n a"]:
    table = np.full((len(items), len(people)), NO_ANSWER)
    for row, given in enumerate(items.values()):
        for who, answer in given.items():
            table[row, people[who]] = number[answer.classes[0]]
    return table


def _people(
    compared: Mapping[str, Mapping[str, Answer]], people: Mapping[str, int], reliability: Float[np.ndarray, " a"]
) -> dict[str, Person]:
    count = Counter(who for given in compared.values() for who in given)
    return {who: Person(float(reliability[i]), count[who]) for who, i in people.items() if count[who]}
