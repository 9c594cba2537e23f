"""What a push sends with each question: the score that orders it, and what the model suggests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from activessl.annotators.base import Suggestion
from activessl_label_studio.labels import Control
from activessl_label_studio.mapping import question_of, to_prediction

__all__ = ["ClassPredictions", "Sending", "newest_prediction"]

Task = Mapping[str, Any]


class Sending(Protocol):
    """What people see of each question besides the item: suggested classes, or suggested regions."""

    @property
    def key(self) -> str:
        """The key of a task's ``data`` with the item."""
        ...

    @property
    def beside(self) -> tuple[str, ...]:
        """Further keys of ``data`` that the label config shows."""
        ...

    def prediction(self, question: str, score: float, task: Task) -> dict[str, Any]:
        """Return the prediction of a question and its task, with its place in the order."""
        ...

    def carried(self, task: Task, score: float) -> dict[str, Any]:
        """Return the prediction of an open task of an older round: a new suggestion, else the previous one."""
        ...

    def meta(self, item: str) -> dict[str, Any]:
        """Return what the ``meta`` of the task of an item has, in addition."""
        ...

    def count(self, questions: Sequence[str]) -> int:
        """Return for how many questions people see a suggestion."""
        ...


@dataclass(frozen=True)
class ClassPredictions:
    """Suggested classes.

    Attributes:
        control: The tag that classifies.
        suggested: The suggestions by question.
        model: The version of the model.
    """

    control: Control
    suggested: Mapping[str, Suggestion] = field(repr=False)
    model: str

    @property
    def key(self) -> str:
        """The key of a task's ``data`` with the item."""
        return self.control.key

    @property
    def beside(self) -> tuple[str, ...]:
        """Further keys of ``data`` that the label config shows."""
        return self.control.beside

    def prediction(self, question: str, score: float, task: Task) -> dict[str, Any]:  # noqa: ARG002
        """Return the prediction of a question."""
        return to_prediction(self.suggested.get(question), score, self.model, self.control)

    def carried(self, task: Task, score: float) -> dict[str, Any]:
        """Return the prediction of an older task."""
        question, newest = str(question_of(task)), newest_prediction(task)
        fresh = self.prediction(question, score, task)
        if question in self.suggested or newest is None:
            return fresh
        # the config may no longer have the tag of the hint
        ours = {self.control.name, self.control.hint[0] if self.control.hint else self.control.name}
        carried = fresh | {"result": [part for part in newest["result"] if part.get("from_name") in ours]}
        # the config may no longer have the class
        return fresh if self.control.interface.validate_prediction(carried, return_errors=True) else carried

    def meta(self, item: str) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: a class needs no more."""
        return {}

    def count(self, questions: Sequence[str]) -> int:
        """Return for how many questions people see a suggestion."""
        kind = self.control.label_kind
        return sum(
            not s.blind and s.preselected(kind) is not None
            for question in questions
            if (s := self.suggested.get(question)) is not None
        )


def newest_prediction(task: Task) -> Mapping[str, Any] | None:
    """Return the newest prediction of a task; None without any."""
    there = [p for p in task.get("predictions") or () if isinstance(p, Mapping)]
    return max(there, key=lambda p: (str(p.get("created_at")), int(p["id"])), default=None)
