"""Labels of zero or more classes per item: each class is a separate yes or no."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from activessl.labels.answers import BETWEEN, NONE, Answer
from activessl.labels.kinds import KindName, Label, Labels, Merged, Person, Task
from activessl.labels.merge import TIE, by_item, by_several, first_answers, people_of, table_of, truth_of, weighed_by
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # not needed for names


@dataclass(frozen=True)
class SeveralClasses:
    """An item has zero or more of the classes; a head's probabilities are independent of each other, given the item.

    Example:
        >>> SEVERAL.decide(np.array([[0.9, 0.7], [0.2, 0.4]])).tolist()
        [[1, 1], [0, 0]]
        >>> SEVERAL.sureness(np.array([[0.9, 0.1]])).round(2).tolist()
        [0.81]
        >>> SEVERAL.named(np.array([1, 1]), ("cat", "dog")), SEVERAL.named(np.array([0, -1]), ("cat", "dog"))
        (('cat', 'dog'), ())
        >>> SEVERAL.parse("cat|dog"), SEVERAL.parse("(none)"), SEVERAL.reads(())
        (('cat', 'dog'), (), 'label')
        >>> SEVERAL.same(np.array([[0, 1], [1, 1], [1, 1]]), np.array([[0, 1], [1, 0], [1, -1]])).tolist()
        [True, False, True]
    """

    name: KindName = "several"
    independent: bool = True

    def check(self, classes: Sequence[str]) -> None:
        """Refuse names that cannot be told from several classes or from the text for no class."""
        odd = next((name for name in classes if BETWEEN in name or name == NONE), None)
        if odd is not None:
            raise ValueError(
                f"class {odd!r} is reserved: {BETWEEN!r} separates several classes, and {NONE!r} means no class"
            )

    def columns(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The names, with a mark that the classes do not exclude each other."""
        return ("multi-label", *classes)

    def numbers(self, labels: Sequence[Label], classes: Sequence[str]) -> Labels:
        """(n, k) of 0 and 1, -1 for a class that was added after the item was labeled."""
        index = {name: k for k, name in enumerate(classes)}
        table = np.zeros((len(labels), len(index)), dtype=np.int64)
        for row, label in zip(table, labels, strict=True):
            row[[index[name] for name in label.classes]] = 1
            row[[index[name] for name in label.unknown]] = -1
        return table

    def decide(self, probs: Float[np.ndarray, "n k"]) -> Labels:
        """All classes with a probability of at least 0.5."""
        return (np.asarray(probs) >= 0.5).astype(np.int64)

    def sureness(self, probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """The probability that the prediction is right in all classes."""
        given = np.asarray(probs, dtype=np.float64)
        return np.asarray(np.maximum(given, 1 - given).prod(axis=1))

    def same(self, said: Labels, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether both are equal in every known class."""
        y = np.asarray(labels)
        return np.asarray(((np.asarray(said) == y) | (y < 0)).all(axis=1))

    def complete(self, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether no class is unknown."""
        return np.asarray(np.asarray(labels).min(axis=1, initial=0) >= 0)

    def tables(
        self,
        labels: Labels,
        said: Labels,
        n_classes: int,  # noqa: ARG002
    ) -> tuple[Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"]]:
        """Return the labels and predictions as tables."""
        y = np.asarray(labels)
        return y == 1, np.asarray(said) == 1, y >= 0

    def having(self, labels: Labels, k: int) -> Int[np.ndarray, " r"]:
        """Rows that have class ``k``."""
        return np.flatnonzero(np.asarray(labels)[:, k])

    def certain(self, label: Any, n_classes: int) -> Float[np.ndarray, " k"]:  # noqa: ARG002
        """One for each class that the item has."""
        return np.asarray(label, dtype=float)

    def probability(self, probs: Float[np.ndarray, " k"], indices: Collection[int]) -> float:
        """The probability of these classes and no others."""
        given = np.isin(np.arange(len(probs)), list(indices))
        return float(np.where(given, probs, 1 - probs).prod())

    def tasks(self, labels: Labels, n_classes: int) -> Iterable[Task]:
        """One task for each class, with the labels in which the class is known."""
        y = np.asarray(labels)
        for k in range(n_classes):
            rows = np.flatnonzero(y[:, k] >= 0)
            yield Task(rows, y[rows, k], 2, k)

    def instead(
        self,
        label: Any,
        probs: Float[np.ndarray, " k"],  # noqa: ARG002
        doubts: Float[np.ndarray, " t"],
        bound: float,
    ) -> Any:
        """The label with each class inverted whose doubt exceeds ``bound``."""
        return np.where(doubts > bound, 1 - np.asarray(label), label)

    def shown(self, probs: Float[np.ndarray, "n k"], least: int) -> int:
        """At least ``least``, and all classes that are pre-selected for some item."""
        return max(least, int((np.asarray(probs) >= 0.5).sum(axis=1).max(initial=0)))

    def named(self, label: Any, classes: Sequence[str]) -> tuple[str, ...]:
        """The class names of a row of 0 and 1."""
        return tuple(classes[int(k)] for k in np.flatnonzero(np.equal(label, 1)))

    def parse(self, text: str) -> tuple[str, ...]:
        """Read names separated by "|"; "(none)" or an empty text is no class."""
        return () if text in ("", NONE) else tuple(dict.fromkeys(part.strip() for part in text.split(BETWEEN)))

    def cells(self, classes: Sequence[str]) -> dict[str, Any]:
        """The names as one text, and as a list for files with lists."""
        return {"class": BETWEEN.join(classes), "classes": list(classes)}

    def choose(self, names: Sequence[str], probs: Sequence[float]) -> tuple[str, ...]:
        """All names with a probability of at least 0.5."""
        return tuple(name for name, p in zip(names, probs, strict=True) if p >= 0.5)

    def reads(self, classes: Sequence[str]) -> Literal["label", "nothing", "too many"]:  # noqa: ARG002
        """Any number of classes is a label."""
        return "label"

    def says(self, answer: Answer, task: Task, classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> int | None:
        """1 if the answer has the class, 0 if not; None if the class was not offered."""
        name = classes[task.of or 0]
        return int(name in answer.classes) if could_say(answer, name, unasked) else None

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> Merged:
        """Merge answers class by class, weighted by each annotator's reliability for that class; ground truth decides
        about all classes that it could give.

        An annotator's reliability is the mean over the classes. A removed class is ignored; the other classes of the
        same answer are used.
        """
        found = by_item(answers, lambda _: "label", most=None)
        given = found.given
        last = {item: {a.annotator: a for a in said} for item, said in given.items()}
        disputed = by_several(last)
        compared = by_several({item: first_answers(said) for item, said in given.items()})
        # not computed where each item has one answer
        chance, people = _weighed(disputed, compared, classes, unasked) if disputed else ((), {})
        row = {item: i for i, item in enumerate(disputed)}
        labels = {
            item: _believed(last[item], said, classes, chance[row[item]] if item in row else None, unasked)
            for item, said in given.items()
        }
        return Merged(labels, frozenset(found.skips - labels.keys()), found.aside, people)


def _weighed(
    disputed: Mapping[str, Mapping[str, Answer]],
    compared: Mapping[str, Mapping[str, Answer]],
    classes: Sequence[str],
    unasked: Mapping[str, Set[str]],
) -> tuple[Float[np.ndarray, "n k"], dict[str, Person]]:
    """The probability of each class of each item, and the reliability of annotators with comparable answers."""
    people = sorted({who for t in (disputed, compared) for said in t.values() for who in said})
    chance, reliability = np.zeros((len(disputed), len(classes))), np.ones((len(classes), len(people)))
    for k, name in enumerate(classes):

        def gave(answer: Answer, name: str = name) -> int | None:
            return int(name in answer.classes) if could_say(answer, name, unasked) else None

        asked, known = (table_of(table, people, gave) for table in (disputed, compared))
        weighed, reliability[k] = weighed_by(asked, known, 2, len(people))
        chance[:, k] = np.where((asked >= 0).any(axis=1), weighed[:, 1], 0.0)
    return chance, people_of(compared, people, reliability.mean(axis=0))


def _believed(
    last: Mapping[str, Answer],
    given: Sequence[Answer],
    classes: Sequence[str],
    chance: Float[np.ndarray, " k"] | None,
    unasked: Mapping[str, Set[str]],
) -> Label:
    """The label of one item, from the last answer of each annotator."""
    first = frozenset(next(iter(last.values())).classes)
    believed, certain = first, None
    if chance is not None:
        p = dict(zip(classes, chance.tolist(), strict=True))
        # in a tie, the first answer decides
        believed = frozenset(c for c in classes if (c in first if abs(p[c] - 0.5) < TIE else p[c] > 0.5))
        certain = float(np.prod([p[c] if c in believed else 1 - p[c] for c in classes]))
    truth = truth_of(given)
    if truth is not None:
        sure = frozenset(c for c in classes if could_say(truth, c, unasked))
        believed, certain = (believed - sure) | sure.intersection(truth.classes), None
    votes = sum(believed.intersection(classes) == set(classes).intersection(a.classes) for a in last.values())
    named = tuple(c for c in classes if c in believed)
    unknown = tuple(c for c in classes if not any(could_say(a, c, unasked) for a in last.values()))
    return Label(named, votes, len(last), tuple(given), certain, unknown)


def could_say(answer: Answer, name: str, unasked: Mapping[str, Set[str]]) -> bool:
    """Whether a class was offered at the time of an answer."""
    return name in answer.classes or answer.source not in unasked.get(name, ())


SEVERAL = SeveralClasses()
