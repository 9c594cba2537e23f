"""The oracle: an annotator that knows the true classes, for simulations and tests, with human errors on request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from jaxtyping import Float, Int

from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.errors import AnnotatorError, LabelError
from activessl.labels.answers import Answer, AnswerKind
from activessl.labels.kinds import Label, LabelKind, Labels, kind_of
from activessl.labels.one_class import ONE
from activessl.labels.questions import Question
from activessl.pool.pool import Pool

#: The time of an oracle's first answer: a fixed day, so that repeated runs are equal byte for byte.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

NOWHERE = "the oracle has answered all questions"


@dataclass(frozen=True, eq=False)
class Habits:
    """The rates of mistakes and skips, and the speed, of an oracle.

    Args:
        mistakes: Share of answers with a wrong class, in [0, 1]; all wrong classes are equally likely.
        confusion: (k, k) probability of answer column j where row i is the true class; replaces ``mistakes``.
        skips: Share of items that are skipped, in [0, 1).
        seconds: Median seconds per answer, > 0.
        spread: Standard deviation of the logarithm of the seconds, >= 0. Real times are close to log-normal.

    Raises:
        AnnotatorError: A figure is outside its range, or the rows of the confusion matrix are no distributions.

    Example:
        >>> habits = Habits(skips=0.5)
        >>> answers, seconds = habits.answer(np.zeros(4, dtype=int), 2, np.random.default_rng(0))
        >>> answers.tolist(), bool((seconds > 0).all())  # -1: skipped
        ([0, -1, 0, 0], True)
    """

    mistakes: float = 0.0
    confusion: Float[np.ndarray, "k k"] | None = None
    skips: float = 0.0
    seconds: float = 4.2
    spread: float = 0.5

    def __post_init__(self) -> None:
        # a comparison with NaN is False, so that these conditions refuse NaN
        fine = 0 <= self.mistakes <= 1 and 0 <= self.skips < 1 and self.seconds > 0 and self.spread >= 0
        if not fine or not np.isfinite(self.seconds) or not np.isfinite(self.spread):
            raise AnnotatorError(
                f"habits are out of range: mistakes {self.mistakes}, skips {self.skips}, "
                f"seconds {self.seconds}, spread {self.spread}",
                hint="use mistakes in [0, 1], skips in [0, 1), seconds > 0 and spread >= 0",
            )
        if self.confusion is not None:
            table = np.asarray(self.confusion)
            square = table.ndim == 2 and table.shape[0] == table.shape[1]
            if not square or not np.all(table >= 0) or not np.allclose(table.sum(axis=1), 1, atol=1e-6):
                raise AnnotatorError(
                    f"confusion has shape {table.shape}, or rows that are not probabilities",
                    hint="pass a square matrix of values >= 0 with rows that sum to one",
                )

    def answer(self, truth: Labels, n_classes: int, rng: np.random.Generator) -> tuple[Labels, Float[np.ndarray, " q"]]:
        """Answer items, one after the other.

        Args:
            truth: (q,) class indices, or (q, k) of 0 and 1 where an item may have several classes.
            n_classes: The number of classes.
            rng: The random generator of mistakes, skips and seconds.

        Returns:
            The answers in the same form, -1 where an item is skipped, and their seconds.

        Raises:
            AnnotatorError: The confusion matrix is of another number of classes, or items may have several classes.

        Example:
            >>> Habits(mistakes=1.0).answer(np.array([[1, 0, 0], [0, 1, 1]]), 3, np.random.default_rng(0))[0].tolist()
            [[0, 0, 0], [0, 1, 0]]
        """
        truth = np.asarray(truth)
        if kind_of(truth).independent:
            return self._answer_several(truth, rng)
        # each item draws the same random numbers for all habits, so that runs with different habits stay paired
        draws = rng.random((len(truth), 3))
        tempo = rng.standard_normal(len(truth))

        if self.confusion is not None:
            if len(self.confusion) != n_classes:
                raise AnnotatorError(
                    f"the confusion matrix has {len(self.confusion)} classes, not {n_classes}",
                    hint="pass one row and one column for each class",
                )
            edges = np.cumsum(np.asarray(self.confusion)[truth], axis=1)
            said = np.minimum((draws[:, 1, None] >= edges).sum(axis=1), n_classes - 1)
        else:
            other = np.minimum((draws[:, 1] * (n_classes - 1)).astype(truth.dtype), max(n_classes - 2, 0))
            wrong = (draws[:, 2] < self.mistakes) & (n_classes > 1)
            said = np.where(wrong, other + (other >= truth), truth)
        said = np.where(draws[:, 0] < self.skips, -1, said)
        return said, self.seconds * np.exp(self.spread * tempo)

    def _answer_several(
        self, truth: Int[np.ndarray, "q k"], rng: np.random.Generator
    ) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, " q"]]:
        """Answer items with several classes; a mistake inverts one class, all equally likely."""
        if self.confusion is not None:
            raise AnnotatorError(
                "a confusion matrix does not apply where an item may have several classes", hint="set mistakes instead"
            )
        # answer as if the true class were the first of k + 1: an answer j > 0 is a mistake in class j - 1
        said, seconds = self.answer(np.zeros(len(truth), dtype=np.int64), truth.shape[1] + 1, rng)
        answers, wrong = truth.astype(np.int64), np.flatnonzero(said > 0)
        answers[wrong, said[wrong] - 1] = 1 - truth[wrong, said[wrong] - 1]
        answers[said < 0] = -1
        return answers, seconds


@dataclass(eq=False)
class Oracle:
    """An annotator that answers every pushed question at once, from the true classes.

    The answer about an item depends only on the seed and the question, not on time or on the other questions.

    Args:
        truth: Item id to the name of its true class; for multi-label, to the names of all its classes.
        classes: All class names, in order.
        habits: Rates of mistakes and skips, and speed; by default without mistakes and skips.
        seed: Seed of mistakes, skips and seconds.
        name: The annotator of the answers.
        kind: The kind of labels: one class per item, or several.

    Raises:
        LabelError: A true class is not one of the classes.

    Example:
        >>> Oracle({"a": "cat"}, ("cat", "dog")).pull()[0]
        []
    """

    truth: Mapping[str, str | Sequence[str]]
    classes: Sequence[str]
    habits: Habits = field(default_factory=Habits)
    seed: int = 0
    name: str = "oracle"
    kind: LabelKind = ONE
    _asked: dict[tuple[str, str], tuple[Question, str | None]] = field(default_factory=dict, init=False, repr=False)
    _mark: str = field(default_factory=lambda: secrets.token_hex(4), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._row = {name: i for i, name in enumerate(self.classes)}
        strange = next((c for i in self.truth for c in self._true(i) if c not in self._row), None)
        if strange is not None:
            raise LabelError(f"the true class {strange!r} is not one of the classes", hint="add it to the classes")

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:  # noqa: ARG002
        """Accept questions; pushing one again changes nothing.

        Raises:
            AnnotatorError: The true class of an item is not known. Then no question is accepted.
        """
        self._check(asked)
        said = {s.question: s.preselected(self.kind) for s in suggestions if not s.blind}
        shown = {question: name for question, name in said.items() if name is not None}
        new = [question for question in asked.questions if (question.id, question.item) not in self._asked]
        for question in new:
            self._asked[question.id, question.item] = (question, shown.get(question.id))
        return Pushed({question: question for question in asked.ids}, len(new), len(shown), NOWHERE, "oracle")

    def push_clusters(self, pool: Pool, asked: Asked, *, model: str) -> Pushed:  # noqa: ARG002
        """Accept clusters; each item is answered as if it were alone, and confirmed if it has the proposed class.

        Raises:
            AnnotatorError: The true class of an item is not known. Then no question is accepted.
        """
        self._check(asked)
        new = 0
        for question in asked.questions:
            new += any((question.id, item) not in self._asked for item in question.items)
            for item in question.items:
                self._asked.setdefault((question.id, item), (question, question.proposed))
        return Pushed({question: question for question in asked.ids}, new, len(asked), NOWHERE, "oracle")

    def _true(self, item: str) -> tuple[str, ...]:
        said = self.truth[item]
        return (said,) if isinstance(said, str) else tuple(said)

    def _check(self, asked: Asked) -> None:
        items = [item for question in asked.questions for item in question.items]
        unknown = [item for item in items if item not in self.truth]
        if unknown:
            raise AnnotatorError(
                f"the oracle does not know {len(unknown)} of {len(items)} items, such as {unknown[0]!r}",
                hint="pass the true class of every item of the pool",
            )

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        """Return the answers after a watermark, in the order of the questions; all of them for an unknown watermark."""
        found = re.fullmatch(r"([0-9a-f]+)-(\d+)", since or "")
        # a watermark of another oracle, such as one of an earlier process, does not count for this one
        first = int(found[2]) if found is not None and found[1] == self._mark else 0
        asked = list(self._asked.items())
        answers = [self._answer(i, item, *asked[i][1]) for i in range(first, len(asked)) for _, item in [asked[i][0]]]
        return answers, f"{self._mark}-{len(asked)}"

    def _answer(self, turn: int, item: str, question: Question, suggested: str | None) -> Answer:
        cluster = question.kind == "confirm"
        rng = np.random.default_rng([self.seed, *(item if cluster else question.id).encode()])
        answered, named, seconds = self._said(self._true(item), rng)
        kind: AnswerKind = "label" if answered else "skip"
        if cluster:
            kind = "label" if answered and named == (suggested,) else "apart"
        source = f"{self.name}:{item} of {question.id}" if cluster else f"{self.name}:{question.id}"
        return Answer(
            key=source,
            source=source,
            item=item,
            kind=kind,
            classes=named if kind == "label" else (),
            annotator=self.name,
            seconds=round(seconds, 3),
            at=EPOCH + timedelta(seconds=turn),
            suggested=suggested,
            question=question.id,
            asking=question.asking,
            cluster=cluster,
        )

    def _said(self, true: Sequence[str], rng: np.random.Generator) -> tuple[bool, tuple[str, ...], float]:
        """Return whether an item is answered, its classes, and the seconds."""
        truth = self.kind.numbers([Label(tuple(true), 1, 1, ())], self.classes)
        said, seconds = self.habits.answer(truth, len(self.classes), rng)
        answered = bool(np.min(said) >= 0)
        return answered, self.kind.named(said[0], self.classes) if answered else (), float(seconds[0])
