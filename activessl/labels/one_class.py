"""Labels of one class per item."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from activessl.labels.answers import Answer
from activessl.labels.kinds import KindName, Label, Labels, Merged, Task
from activessl.labels.merge import (
    TIE,
    by_item,
    by_several,
    first_answers,
    people_of,
    table_of,
    truth_of,
    weighed_by,
)
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # not needed for names


@dataclass(frozen=True)
class OneClass:
    """Each item has one of the classes; a head's probabilities of an item sum to one.

    Example:
        >>> ONE.decide(np.array([[0.3, 0.7], [0.6, 0.4]])).tolist(), ONE.sureness(np.array([[0.3, 0.7]])).tolist()
        ([1, 0], [0.7])
        >>> ONE.named(1, ("cat", "dog")), ONE.parse("cat|dog"), ONE.reads(())
        (('dog',), ('cat|dog',), 'nothing')
    """

    name: KindName = "one"
    independent: bool = False

    def check(self, classes: Sequence[str]) -> None:
        """Accept all names."""

    def columns(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the classes."""
        return classes

    def numbers(self, labels: Sequence[Label], classes: Sequence[str]) -> Labels:
        """(n,) class indices."""
        index = {name: k for k, name in enumerate(classes)}
        return np.array([index[label.classes[0]] for label in labels], dtype=np.int64)

    def decide(self, probs: Float[np.ndarray, "n k"]) -> Labels:
        """The most likely class of each item."""
        return np.asarray(np.asarray(probs).argmax(axis=1))

    def sureness(self, probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """The largest probability."""
        return np.asarray(np.asarray(probs, dtype=np.float64).max(axis=1))

    def same(self, said: Labels, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether the classes are equal."""
        return np.asarray(np.asarray(said) == np.asarray(labels))

    def complete(self, labels: Labels) -> Bool[np.ndarray, " n"]:
        """True for every label."""
        return np.ones(len(labels), dtype=bool)

    def tables(
        self, labels: Labels, said: Labels, n_classes: int
    ) -> tuple[Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"]]:
        """Return tables with one class per row."""
        each = np.arange(n_classes)
        has, put = np.asarray(labels)[:, None] == each, np.asarray(said)[:, None] == each
        return has, put, np.ones_like(has)

    def having(self, labels: Labels, k: int) -> Int[np.ndarray, " r"]:
        """Rows of that class."""
        return np.flatnonzero(np.asarray(labels) == k)

    def certain(self, label: Any, n_classes: int) -> Float[np.ndarray, " k"]:
        """One for the class, zero for the others."""
        return np.asarray(np.eye(n_classes)[int(label)])

    def probability(self, probs: Float[np.ndarray, " k"], indices: Collection[int]) -> float:
        """The probability of the class."""
        (index,) = indices
        return float(probs[index])

    def tasks(self, labels: Labels, n_classes: int) -> Iterable[Task]:
        """One task, the choice among all classes."""
        yield Task(np.arange(len(labels)), np.asarray(labels), n_classes)

    def instead(
        self,
        label: Any,
        probs: Float[np.ndarray, " k"],
        doubts: Float[np.ndarray, " t"],  # noqa: ARG002
        bound: float,  # noqa: ARG002
    ) -> Any:
        """The most likely other class."""
        others = np.array(probs)
        others[int(label)] = -1
        return others.argmax()

    def shown(self, probs: Float[np.ndarray, "n k"], least: int) -> int:  # noqa: ARG002
        """``least`` classes: the pre-selected one and alternatives."""
        return least

    def named(self, label: Any, classes: Sequence[str]) -> tuple[str, ...]:
        """The name of a class index."""
        return (classes[int(label)],)

    def parse(self, text: str) -> tuple[str, ...]:
        """The cell is the name of the class."""
        return (text,)

    def cells(self, classes: Sequence[str]) -> dict[str, Any]:
        """The name of the class."""
        return {"class": classes[0] if classes else ""}

    def choose(self, names: Sequence[str], probs: Sequence[float]) -> tuple[str, ...]:  # noqa: ARG002
        """The most likely class."""
        return tuple(names[:1])

    def reads(self, classes: Sequence[str]) -> Literal["label", "nothing", "too many"]:
        """Exactly one class is a label."""
        return "nothing" if not classes else "label" if len(classes) == 1 else "too many"

    def says(
        self,
        answer: Answer,
        task: Task,  # noqa: ARG002
        classes: Sequence[str],
        unasked: Mapping[str, Set[str]],  # noqa: ARG002
    ) -> int | None:
        """The index of the class."""
        return list(classes).index(answer.classes[0])

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> Merged:  # noqa: ARG002
        """The class of the ground truth; else the most likely one, by the annotators' reliability, or the first in a
        tie."""
        known = set(classes)
        found = by_item(
            answers, lambda a: "skip" if not a.classes else "label" if {*a.classes} <= known else "aside", most=1
        )
        given = found.given
        # of several answers by one person, the last counts
        last = {item: {a.annotator: a for a in said} for item, said in given.items()}
        disputed = by_several(last)
        compared = by_several({item: first_answers(said) for item, said in given.items()})
        people = sorted({who for t in (disputed, compared) for said in t.values() for who in said})
        names = sorted({a.classes[0] for t in (disputed, compared) for said in t.values() for a in said.values()})
        number = {name: i for i, name in enumerate(names)}

        def say(answer: Answer) -> int:
            return number[answer.classes[0]]

        chances, trusted = {}, {}
        if disputed:  # not computed where each item has one answer
            weighed, reliability = weighed_by(
                table_of(disputed, people, say), table_of(compared, people, say), len(names), len(people)
            )
            chances, trusted = dict(zip(disputed, weighed, strict=True)), people_of(compared, people, reliability)
        labels = {}
        for item, all_given in given.items():
            if item in found.undecided:
                continue
            said = [a.classes for a in last[item].values()]
            winner, certain = said[0], None
            if item in chances:  # several people
                probs = dict(zip(names, chances[item].tolist(), strict=True))
                # only classes that somebody gave this item, which may not include the most likely one
                most = max(probs[name] for (name,) in said)
                winner = next(one for one in said if probs[one[0]] >= most - TIE)
                certain = probs[winner[0]]
            truth = truth_of(all_given)
            if truth is not None:
                winner, certain = truth.classes, None
            labels[item] = Label(winner, said.count(winner), len(said), tuple(all_given), certain)
        return Merged(labels, frozenset(found.skips - labels.keys()), found.aside, trusted)


ONE = OneClass()
