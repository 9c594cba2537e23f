"""Annotators, and the questions and suggestions that they receive."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from activessl.labels.answers import Answer, class_text
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.pool.pool import Pool

if TYPE_CHECKING:
    from activessl.labels.regions.region import Regions  # imports numpy, which `status` does not need


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The model's prediction for one question, shown to the annotator as a pre-selected answer.

    Attributes:
        question: The id of the question.
        classes: Class names by falling probability: the pre-selected one, then the alternatives.
        probs: Their probabilities, falling.
        blind: True if the annotator must not see it, so that anchoring can be measured.
        least: Probability, in [0, 1], from which the answer is pre-selected: of the class, or of each decision where an
            item may have several classes. People take over wrong suggestions, so that nothing is shown below it.
    """

    question: str
    classes: tuple[str, ...]
    probs: tuple[float, ...]
    blind: bool = False
    least: float = 0.0

    def preselected(self, kind: LabelKind = ONE) -> str | None:
        """The pre-selected classes as ``class_text`` writes them; None without any.

        Example:
            >>> from activessl.labels.several_classes import SEVERAL
            >>> found = Suggestion("a", ("cat", "dog", "ant"), (0.9, 0.6, 0.1))
            >>> found.preselected(), found.preselected(SEVERAL)
            ('cat', 'cat|dog')
        """
        said = self.selected(self.classes, kind)
        return class_text(said) if said else None

    def selected(self, among: Container[str], kind: LabelKind = ONE) -> tuple[str, ...]:
        """The pre-selected classes, out of those that can be chosen.

        Example:
            >>> Suggestion("a", ("cat", "dog", "ant"), (0.5, 0.4, 0.1)).selected({"dog", "ant"})
            ('dog',)
            >>> Suggestion("a", ("cat", "dog", "ant"), (0.5, 0.4, 0.1), least=0.8).selected({"cat", "dog", "ant"})
            ()
        """
        known = {name: p for name, p in zip(self.classes, self.probs, strict=True) if name in among}
        chosen = kind.choose(list(known), list(known.values()))
        # where an item may have several classes, a selection that leaves out a doubtful class would look complete
        decided = [max(p, 1 - p) for p in known.values()] if kind.independent else [known[name] for name in chosen]
        return chosen if min(decided, default=0.0) >= self.least else ()


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push.

    Attributes:
        tasks: Id of each question to the id of its task in the labeling tool.
        new: Number of tasks that this push created; the others existed already.
        suggestions: Number of stored suggestions.
        where: The address that a person opens to start labeling.
        project: The id of the project in the labeling tool.
        made: When that project was created, as the labeling tool reports it: distinguishes it from a project with the
            same id on a new server. Empty if that cannot happen.
    """

    tasks: Mapping[str, str]
    new: int
    suggestions: int
    where: str
    project: str
    made: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of a round, or those without an answer yet.

    Attributes:
        questions: In the order of answering.
        strategy: The strategy that chose them.
        round: The number of the round, from 1; 0 outside of a project.
    """

    questions: tuple[Question, ...]
    strategy: str = ""
    round: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the questions."""
        return tuple(question.id for question in self.questions)

    def __len__(self) -> int:
        return len(self.questions)


@runtime_checkable
class Annotator(Protocol):
    """Answers questions: people in Label Studio, or an oracle in simulations.

    An annotator may answer only some questions, later, in any order, or twice, and may change an answer. The caller
    appends all answers to the ledger, whose fold decides which are valid.
    """

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        """Send questions to the annotator, in order. Repeating a push changes nothing.

        Args:
            pool: The pool of their items.
            asked: The questions, the most informative first.
            suggestions: The model's suggestions for them; empty before the first head.
            model: The version of the model behind order and suggestions, such as "round-3-80d417-logistic-7ab375".

        Raises:
            AnnotatorError: The annotator cannot be reached, refuses, or did not accept all questions.
        """
        ...

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """Return all answers after a watermark, oldest first, and the next watermark. Answers may repeat.

        Args:
            since: The watermark of the last pull; None, or the watermark of another annotator, for all answers.
        """
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """The classes that the labeling tool offers.

    Attributes:
        project: The permanent id of the project in the labeling tool.
        classes: Their names, in order.
    """

    project: str
    classes: tuple[str, ...]


@runtime_checkable
class Offering(Protocol):
    """An annotator whose people can change the classes in the labeling tool."""

    @property
    def offer(self) -> Offer | None:
        """The classes offered at the last push or pull; None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """A problem of an answer in the labeling tool: reported to people, never silently dropped, never fatal.

    Attributes:
        source: The name of the answer in the labeling tool.
        question: The id of its question.
        what: What is unusual, and what follows.
    """

    source: str
    question: str
    what: str


@runtime_checkable
class Noting(Protocol):
    """An annotator that reports unusual answers."""

    @property
    def notes(self) -> Sequence[Note]:
        """Notes on the answers of the last pull."""
        ...


@runtime_checkable
class Confirmer(Protocol):
    """An annotator that also answers questions about clusters of alike items.

    Each item of an answered cluster gets its own answer to the cluster's question: a label if the annotator confirmed
    it, else "apart".
    """

    def push_clusters(self, pool: Pool, asked: Asked, *, model: str) -> Pushed:
        """Send clusters to the annotator. Repeating a push changes nothing.

        Args:
            pool: The pool of their items.
            asked: Questions of kind "confirm", in the order of answering.
            model: The version of the model that proposed the classes.

        Raises:
            AnnotatorError: The annotator cannot be reached, refuses, cannot show such items, or did not accept all.
        """
        ...


@dataclass(frozen=True, slots=True)
class RegionSuggestion:
    """The model's regions of one item, which people correct instead of drawing from nothing.

    Attributes:
        question: The id of the question.
        regions: Each with its score; an empty tuple suggests that the item holds none.
        score: The model's confidence in the whole, in [0, 1].
        blind: True if the annotator must not see it, so that anchoring can be measured.
    """

    question: str
    regions: Regions
    score: float
    blind: bool = False


@runtime_checkable
class Drawer(Protocol):
    """An annotator that draws regions. Its answers have ``Answer.regions``; they come by ``Annotator.pull``."""

    def push_regions(self, pool: Pool, asked: Asked, suggestions: Sequence[RegionSuggestion], *, model: str) -> Pushed:
        """Send questions about regions to the annotator, in order. Repeating a push changes nothing.

        Args:
            pool: The pool of their items.
            asked: The questions, the most informative first.
            suggestions: The model's regions for them; empty before the first head.
            model: The version of the model behind order and suggestions.

        Raises:
            AnnotatorError: The annotator cannot be reached, refuses, or did not accept all questions.
        """
        ...


@runtime_checkable
class Tutor(Protocol):
    """An annotator that can hold training rounds: items whose answers are known, which each person answers."""

    def training(self, number: int) -> Annotator:
        """Return an annotator for a training round: apart from the labels, without suggestions, all items for each.

        Args:
            number: The number of the training round, from 1.
        """
        ...
