"""Those who answer, and what is put before them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from activessl.labels.answers import Answer, class_text
from activessl.labels.kinds import LabelKind
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.pool.pool import Pool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the head thinks of what is asked: shown to the person as a pre-selected answer.

    Attributes:
        question: The id of the question.
        classes: Class names by falling probability: the pre-selected one, then the alternatives.
        probs: Their probabilities, falling.
        blind: True where the person must not see it, so that anchoring on it can be measured.
    """

    question: str
    classes: tuple[str, ...]
    probs: tuple[float, ...]
    blind: bool = False

    def preselected(self, kind: LabelKind = ONE) -> str | None:
        """What is selected for whoever sees it, as ``class_text`` writes it; None where that is nothing.

        Example:
            >>> from activessl.labels.several_classes import SEVERAL
            >>> found = Suggestion("a", ("cat", "dog", "ant"), (0.9, 0.6, 0.1))
            >>> found.preselected(), found.preselected(SEVERAL)
            ('cat', 'cat|dog')
        """
        said = self.selected(self.classes, kind)
        return class_text(said) if said else None

    def selected(self, among: Container[str], kind: LabelKind = ONE) -> tuple[str, ...]:
        """The classes that are selected for whoever sees it, of those that can be.

        Example:
            >>> Suggestion("a", ("cat", "dog", "ant"), (0.5, 0.4, 0.1)).selected({"dog", "ant"})
            ('dog',)
        """
        known = [(name, p) for name, p in zip(self.classes, self.probs, strict=True) if name in among]
        return kind.choose([name for name, _ in known], [p for _, p in known])


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push left at the annotator's side.

    Attributes:
        tasks: The id of each question to the annotator's own name for its task.
        new: How many tasks this push made; the others were there already.
        suggestions: How many suggestions are in place.
        where: What a person opens to start labeling.
        project: The annotator's own name for the project that the tasks are in, to find it again.
        made: When that project was made, as the annotator's side says it: tells it from another of the same name on
            a server that was set up anew. Empty where that cannot happen.
    """

    tasks: Mapping[str, str]
    new: int
    suggestions: int
    where: str
    project: str
    made: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of a round, or those of them that still wait.

    Attributes:
        questions: In the order in which they are to be answered.
        strategy: Who chose them.
        round: The number of the round, from 1 on; 0 outside of a project.
    """

    questions: tuple[Question, ...]
    strategy: str = ""
    round: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """The questions' ids."""
        return tuple(question.id for question in self.questions)

    def __len__(self) -> int:
        return len(self.questions)


@runtime_checkable
class Annotator(Protocol):
    """Answers questions: people in Label Studio, an oracle in simulations.

    May answer fewer than asked, later, in any order, twice, or change an answer. The caller appends all answers to
    the ledger, whose fold decides what counts.
    """

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        """Put questions before the annotator, in their order. Repeating it changes nothing.

        Args:
            pool: What they are about.
            asked: The questions, the most informative first.
            suggestions: What the head thinks of them; empty before there is a head.
            model: The version of the model behind order and suggestions, such as "round-3-80d417-logistic-7ab375".

        Raises:
            AnnotatorError: The annotator cannot be reached, refuses, or did not take all of it.
        """
        ...

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """All answers after a watermark, oldest first, and the next watermark. Answers may repeat.

        Args:
            since: The watermark of the last pull; None for all, and so is that of another annotator.
        """
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """The classes that people can choose from.

    Attributes:
        project: The annotator's own name for the project, for good.
        classes: Their names, in order.
    """

    project: str
    classes: tuple[str, ...]


@runtime_checkable
class Offering(Protocol):
    """An annotator whose people can change which classes there are."""

    @property
    def offer(self) -> Offer | None:
        """What they could choose from at the last push or pull; None before."""
        ...


@runtime_checkable
class Confirmer(Protocol):
    """An annotator that can also be shown clusters of alike items, each answered as a whole.

    Of each item of an answered cluster comes back an answer of its own to the cluster's question: a label where the
    person confirmed it, "apart" where not.
    """

    def push_clusters(self, pool: Pool, asked: Asked, *, model: str) -> Pushed:
        """Put clusters before the annotator. Repeating it changes nothing.

        Args:
            pool: What the clusters are of.
            asked: Questions of kind "confirm", in the order in which they are to be answered.
            model: The version of the model that proposed the classes.

        Raises:
            AnnotatorError: The annotator cannot be reached, refuses, cannot show such items, or did not take all.
        """
        ...
