"""Kinds of labels: one class per item, or several; how answers are read, merged, compared, shown and written.

Everything that differs between the kinds is a method of ``LabelKind``; no other module asks how many classes an item
has. To add a kind, add a module in this folder and a line in ``_KINDS``.

Labels as numbers are (n,) class indices for one class per item, and (n, k) of 0 and 1 for several classes (or none) per
item, with -1 for a class that was not offered when the item was labeled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from activessl.labels.answers import Answer
from activessl.later import later

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int
else:
    np = later("numpy")  # not needed for names

#: (n,) class indices, or (n, k) of 0 and 1, -1 where it is not known.
Labels: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

#: The name of a kind of labels.
KindName = Literal["one", "several"]

_KINDS: dict[KindName, str] = {
    "one": "activessl.labels.one_class:ONE",
    "several": "activessl.labels.several_classes:SEVERAL",
}


@dataclass(frozen=True)
class Label:
    """The label of one item: the classes that all valid answers about it amount to.

    Attributes:
        classes: The classes, in the order of the project; of equally likely ones, those given first.
        votes: How many annotators gave exactly these; may be 0 where an item may have several classes.
        annotators: How many annotators labeled the item.
        answers: All valid answers about the item, oldest first.
        certainty: Probability of these classes, from the annotators' reliability; None with a single annotator.
        unknown: Where an item may have several classes, those that were not offered when the item was labeled.
        regions: In a project of regions, those of the item, as ``activessl.labels.regions.stored`` writes them; else
            None.
    """

    classes: tuple[str, ...]
    votes: int
    annotators: int
    answers: tuple[Answer, ...]
    certainty: float | None = None
    unknown: tuple[str, ...] = ()
    regions: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """The reliability of one annotator, from first questions about items that several people answered.

    Questions of kind "again" do not count: their labels were doubted, so the reliability would be too low.

    Attributes:
        reliability: Estimated probability of a right answer, in [0, 1].
        compared: How many of the annotator's answers could be compared with those of others.
    """

    reliability: float
    compared: int


@dataclass(frozen=True)
class Task:
    """One choice within a label: among all classes or, where an item may have several, yes or no for one class.

    Attributes:
        rows: (r,) rows of the labels in which the choice is known.
        y: (r,) the choice in each of these rows.
        n_classes: The number of options.
        of: The class of the choice; None for a choice among all classes.
    """

    rows: Int[np.ndarray, " r"]
    y: Int[np.ndarray, " r"]
    n_classes: int
    of: int | None = None


@runtime_checkable
class Merging(Protocol):
    """How people's answers amount to labels."""

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> Merged:
        """Merge people's answers to one label per item; see :meth:`LabelKind.merge`."""
        ...


@runtime_checkable
class LabelKind(Protocol):
    """A kind of labels, with everything that depends on the number of classes per item. Without state."""

    @property
    def name(self) -> KindName:
        """The name in configs and files."""
        ...

    @property
    def independent(self) -> bool:
        """Whether each class is a separate yes or no; else a head's probabilities of an item sum to one."""
        ...

    # -- classes ---------------------------------------------------------------------------------------------------

    def check(self, classes: Sequence[str]) -> None:
        """Refuse names of classes that cannot be read back from a text of several classes.

        Raises:
            ValueError: Such a name; the message has the name.
        """
        ...

    def columns(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The meaning of a head's columns: a head is valid only for the same names in the same order."""
        ...

    # -- numbers ---------------------------------------------------------------------------------------------------

    def numbers(self, labels: Sequence[Label], classes: Sequence[str]) -> Labels:
        """Labels as numbers."""
        ...

    def decide(self, probs: Float[np.ndarray, "n k"]) -> Labels:
        """The prediction from a head's probabilities: the most likely class, or all of probability 0.5 and more."""
        ...

    def sureness(self, probs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """The probability that the prediction of ``decide`` is right; with several classes, right in every class."""
        ...

    def same(self, said: Labels, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether each prediction equals the label, in all classes that are known."""
        ...

    def complete(self, labels: Labels) -> Bool[np.ndarray, " n"]:
        """Whether every class of each label is known."""
        ...

    def tables(
        self, labels: Labels, said: Labels, n_classes: int
    ) -> tuple[Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"], Bool[np.ndarray, "n k"]]:
        """Return three tables: which items have which class, which classes are predicted, and which are known."""
        ...

    def having(self, labels: Labels, k: int) -> Int[np.ndarray, " r"]:
        """Rows that have class ``k``."""
        ...

    def certain(self, label: Any, n_classes: int) -> Float[np.ndarray, " k"]:
        """The probabilities that express certainty of a label."""
        ...

    def probability(self, probs: Float[np.ndarray, " k"], indices: Collection[int]) -> float:
        """The probability that an item has exactly these classes."""
        ...

    def tasks(self, labels: Labels, n_classes: int) -> Iterable[Task]:
        """The separate choices within labels."""
        ...

    def instead(self, label: Any, probs: Float[np.ndarray, " k"], doubts: Float[np.ndarray, " t"], bound: float) -> Any:
        """The more likely label in place of a doubted one, from probabilities and the doubts about each task."""
        ...

    def shown(self, probs: Float[np.ndarray, "n k"], least: int) -> int:
        """How many classes a suggestion lists: at least ``least``; with several classes per item, all likely ones."""
        ...

    # -- words -----------------------------------------------------------------------------------------------------

    def named(self, label: Any, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes of one label."""
        ...

    def parse(self, text: str) -> tuple[str, ...]:
        """Read the classes from a cell of a table."""
        ...

    def cells(self, classes: Sequence[str]) -> dict[str, Any]:
        """The classes of an item as cells of a table: ``class``, and with several classes a list ``classes``."""
        ...

    def choose(self, names: Sequence[str], probs: Sequence[float]) -> tuple[str, ...]:
        """Choose the pre-selected classes, from names by falling probability."""
        ...

    # -- people ----------------------------------------------------------------------------------------------------

    def reads(self, classes: Sequence[str]) -> Literal["label", "nothing", "too many"]:
        """Whether an answer with these classes is a label, empty, or has too many classes."""
        ...

    def says(self, answer: Answer, task: Task, classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> int | None:
        """The choice of an answer in a task, as a number; None if the answer does not contain the choice."""
        ...

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> Merged:
        """Merge people's answers to one label per item.

        Args:
            answers: The valid ones, in the order of the ledger.
            classes: The classes of the project, in order.
            unasked: For a class that was added later, the sources of answers that could not give it.
        """
        ...


@dataclass(frozen=True)
class Merged:
    """The result of merging people's answers.

    Attributes:
        labels: Item id to label.
        skipped: Items with a skip and without a label.
        aside: Answers with a class that the project does not have.
        people: The reliability of each annotator whose answers could be compared with those of others.
    """

    labels: dict[str, Label]
    skipped: frozenset[str]
    aside: tuple[Answer, ...]
    people: dict[str, Person]


def kind_named(name: KindName) -> LabelKind:
    """Return the kind of a name.

    Example:
        >>> kind_named("several").independent
        True
    """
    module, _, attribute = _KINDS[name].partition(":")
    found: LabelKind = getattr(import_module(module), attribute)
    return found


def kind_of(labels: Labels) -> LabelKind:
    """Return the kind of labels that are given as numbers.

    Example:
        >>> kind_of(np.array([0, 1])).name, kind_of(np.array([[0, 1]])).name
        ('one', 'several')
    """
    return kind_named("several" if np.ndim(labels) == 2 else "one")


def numbered_alike(one: Labels, other: Labels) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Number two arrays of labels of the same items alike; with several classes, one number per set of classes.

    Example:
        >>> [part.tolist() for part in numbered_alike(np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 0]]))]
        [[1, 2], [1, 0]]
    """
    _, number = np.unique(np.concatenate([one, other]), axis=0, return_inverse=True)
    number = number.reshape(-1)
    return number[: len(one)], number[len(one) :]


def one_kind(labels: Labels) -> bool:
    """Whether all items have the same label, so that a head cannot be taught.

    Example:
        >>> one_kind(np.array([2, 2])), one_kind(np.array([[0, 1], [1, 1]]))
        (True, False)
    """
    return len(np.unique(labels, axis=0)) < 2
