"""What the classes of a label are: one class an item, or several; how answers are judged, merged, shown and written.

Whatever differs between the two is a method here; no other room asks how many classes an item has. A further kind is a
module beside ``one_class`` and ``several_classes``, and a line in ``_KINDS``.

Labels as numbers are (n,) class indices where an item has one class, and (n, k) of 0 and 1 where it may have several,
or none, with -1 where nobody was asked about a class yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from activessl.labels.answers import Answer
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # names need no arithmetic

#: (n,) class indices, or (n, k) of 0 and 1, -1 where it is not known.
Labels: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

#: What a project calls the kind of its labels.
KindName = Literal["one", "several"]

_KINDS: dict[KindName, str] = {
    "one": "activessl.labels.one_class:ONE",
    "several": "activessl.labels.several_classes:SEVERAL",
}


@dataclass(frozen=True)
class Label:
    """What is believed about one item, from all standing answers about it.

    Attributes:
        classes: The classes believed; of equals, those given first. Where there are several, in the order of the
            project's.
        votes: How many annotators gave exactly these; where there may be several, perhaps none.
        annotators: How many labeled the item.
        answers: All standing answers about it, oldest first.
        certainty: Probability of these classes by the annotators' reliability; None where only one person answered.
        unknown: Where there may be several, classes that nobody could give when they looked at the item.
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


@dataclass(frozen=True)
class Task:
    """One choice that a label consists of: among all classes or, where there may be several, of each class or not.

    Attributes:
        rows: (r,) labels that say something of it.
        y: (r,) what they say.
        n_classes: How many answers there are.
        of: The class that it is about; None where it is about all.
    """

    rows: Int[np.ndarray, " r"]
    y: Int[np.ndarray, " r"]
    n_classes: int
    of: int | None = None


@runtime_checkable
class LabelKind(Protocol):
    """How many classes an item has, and all that follows from it. Values without state."""

    @property
    def name(self) -> KindName:
        """What configs and files call it."""
        ...

    @property
    def independent(self) -> bool:
        """Whether each class is a yes or a no of its own; else a head's probabilities of an item sum to one."""
        ...

    # -- classes ---------------------------------------------------------------------------------------------------

    def check(self, classes: Sequence[str]) -> None:
        """Refuse names of classes that could not be told from what stands between them.

        Raises:
            ValueError: With the name.
        """
        ...

    def columns(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """What a head's numbers stand for: with other names, or in another order, they say something else."""
        ...

    # -- numbers ---------------------------------------------------------------------------------------------------

    def numbers(self, labels: Sequence[Label], classes: Sequence[str]) -> Labels:
        """Labels as numbers."""
        ...

    def decide(self, probs: Float[np.ndarray, "n k"]) -> Labels:
        """What a head's probabilities amount to: the most likely class, or all that are more likely than not."""
        ...

    def sureness(self, probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """The probability that what ``decide`` says of an item is right; where there may be several, in every class."""
        ...

    def same(self, said: Labels, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether what is said of each item is what its label says, as far as that is known."""
        ...

    def complete(self, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether each label says of every class whether the item has it."""
        ...

    def tables(
        self, labels: Labels, said: Labels, n_classes: int
    ) -> tuple[Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"]]:
        """Which items have which class, which are said to, and of which it is known."""
        ...

    def having(self, labels: Labels, k: int) -> Int[np.ndarray, " r"]:
        """Rows that have class ``k``."""
        ...

    def certain(self, label: Any, n_classes: int) -> Float[np.ndarray, " k"]:
        """The probabilities of whoever is certain of a label."""
        ...

    def probability(self, probs: Float[np.ndarray, " k"], indices: Collection[int]) -> float:
        """The probability that an item has just these classes."""
        ...

    def tasks(self, labels: Labels, n_classes: int) -> Iterable[Task]:
        """The choices that labels consist of, each on its own."""
        ...

    def instead(self, label: Any, probs: Float[np.ndarray, " k"], doubts: Float[np.ndarray, " t"], bound: float) -> Any:
        """What a doubted label more likely is, by a head's probabilities and the doubts about each of its tasks."""
        ...

    def shown(self, probs: Float[np.ndarray, "n k"], least: int) -> int:
        """How many classes a suggestion names: ``least``, and where there may be several, all that are likely."""
        ...

    # -- words -----------------------------------------------------------------------------------------------------

    def named(self, label: Any, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes of one label."""
        ...

    def parse(self, text: str) -> tuple[str, ...]:
        """The classes that a cell of a table names."""
        ...

    def cells(self, classes: Sequence[str]) -> dict[str, Any]:
        """An item's classes as cells of a table: ``class``, and where there may be several a list ``classes``."""
        ...

    def choose(self, names: Sequence[str], probs: Sequence[float]) -> tuple[str, ...]:
        """The classes that are pre-selected, out of some with falling probability."""
        ...

    # -- people ----------------------------------------------------------------------------------------------------

    def reads(self, classes: Sequence[str]) -> Literal["label", "nothing", "too many"]:
        """What an answer of these classes is: none may be an answer, and several may be too many."""
        ...

    def says(self, answer: Answer, task: Task, classes: Sequence[str], since: Mapping[str, datetime]) -> int | None:
        """What somebody says about a task, as a number; None where they could not say it, or said nothing of it."""
        ...

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], since: Mapping[str, datetime]) -> Merged:
        """What people's answers amount to: one label an item.

        Args:
            answers: Standing ones; in any order.
            classes: Those that the project has, in their order.
            since: Of a class that joined later, from when on people could give it.
        """
        ...


@dataclass(frozen=True)
class Merged:
    """What people's answers amount to.

    Attributes:
        labels: By item.
        skipped: Items that somebody skipped and nobody labeled.
        aside: Answers with a class that the project does not have.
        people: How reliable the annotators are whose answers could be compared with others'.
    """

    labels: dict[str, Label]
    skipped: frozenset[str]
    aside: tuple[Answer, ...]
    people: dict[str, Person]


def kind_named(name: KindName) -> LabelKind:
    """The kind of that name.

    Example:
        >>> kind_named("several").independent
        True
    """
    module, _, attribute = _KINDS[name].partition(":")
    found: LabelKind = getattr(import_module(module), attribute)
    return found


def kind_of(labels: Labels) -> LabelKind:
    """The kind of labels that are numbers already.

    Example:
        >>> kind_of(np.array([0, 1])).name, kind_of(np.array([[0, 1]])).name
        ('one', 'several')
    """
    return kind_named("several" if np.ndim(labels) == 2 else "one")


def numbered_alike(one: Labels, other: Labels) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Two answers about the same items as numbers: of several classes, one for each set of classes that there is.

    Example:
        >>> [part.tolist() for part in numbered_alike(np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 0]]))]
        [[1, 2], [1, 0]]
    """
    _, number = np.unique(np.concatenate([one, other]), axis=0, return_inverse=True)
    number = number.reshape(-1)
    return number[: len(one)], number[len(one) :]


def one_kind(labels: Labels) -> bool:
    """Whether all items have the same label, so that there is nothing to tell apart.

    Example:
        >>> one_kind(np.array([2, 2])), one_kind(np.array([[0, 1], [1, 1]]))
        (True, False)
    """
    return len(np.unique(labels, axis=0)) < 2
