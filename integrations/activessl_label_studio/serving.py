"""The predictions that Label Studio asks ``activessl serve`` for: of classes, and what those of regions share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from activessl.annotators.base import Suggestion
from activessl.labels.changes import Naming
from activessl.labels.questions import Question
from activessl.project.snapshot import Snapshot
from activessl_label_studio.labels import Control, read_config
from activessl_label_studio.mapping import question_of, to_prediction
from activessl_label_studio.worker import Worker

__all__ = ["ClassPredictor", "Configs", "Look", "Predictor"]

Tag = TypeVar("Tag")

#: A label config and its tasks to their predictions, one for each task.
Look = Callable[[str, Sequence[Any]], list[dict[str, Any]]]

#: How many label configs are kept parsed: a service has one or two projects.
_CONFIGS = 8


class Predictor(Protocol):
    """Predicts tasks by the newest model."""

    def newest(self) -> Look:
        """Look at ledger and model now, and return what predicts by them."""
        ...


class Configs(Generic[Tag]):
    """Label configs that were read: every request has one, it seldom changes, and parsing it takes 10 ms.

    Args:
        read: Reads a config, with the names of now for changed classes.
    """

    def __init__(self, read: Callable[[str, Naming], Tag]) -> None:
        self._read = read
        self._kept: OrderedDict[str, tuple[Naming, Tag]] = OrderedDict()
        self._guard = threading.Lock()

    def tag(self, config: str, naming: Naming) -> Tag:
        """The tag of a config that classifies or draws.

        Raises:
            ConfigError: The config has none, or several.
        """
        with self._guard:
            kept = self._kept.get(config)
            if kept is not None and kept[0] == naming:
                return kept[1]
        found = self._read(config, naming)
        with self._guard:
            self._kept[config] = naming, found
            if len(self._kept) > _CONFIGS:
                self._kept.popitem(last=False)
        return found


class ClassPredictor:
    """Predicts the classes of items.

    Args:
        worker: The worker of the service.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._configs = Configs(lambda config, naming: read_config(config).called(naming))
        self._view: tuple[tuple[str, tuple[str, ...]], Snapshot] | None = None
        self._guard = threading.Lock()

    def newest(self) -> Look:
        """Look at ledger and model now, and return what predicts by them."""
        snapshot = self._newest()
        asked = snapshot.project.history().questions

        def look(config: str, tasks: Sequence[Any]) -> list[dict[str, Any]]:
            control = self._configs.tag(config, snapshot.history.naming)
            return [self._prediction(snapshot, control, task, asked) for task in tasks]

        return look

    def _newest(self) -> Snapshot:
        """Return the project with its newest head, cached until there is a newer head, or other classes."""
        model = self.worker.state.model
        with self._guard:
            # the columns of the probabilities are those of the classes: `activessl classes` may run beside the service
            key = (model, self.worker.session.project.history().classes)
            if self._view is None or self._view[0] != key:
                snapshot = Snapshot.of(self.worker.session.project)
                _ = snapshot.field_probs  # computed once, under the lock
                self._view = (key, snapshot)
            return self._view[1]

    def _prediction(
        self, snapshot: Snapshot, control: Control, task: Any, asked: Mapping[str, Question]
    ) -> dict[str, Any]:
        model = self.worker.state.model
        name = question_of(task) if isinstance(task, Mapping) else None
        question = asked.get(name or "")
        row = None if name is None else snapshot.row.get(name if question is None else question.item)
        known = None if row is None else snapshot.probs_at([row])
        if known is None:  # no head yet, or not an item of the pool
            return {"result": [], "score": 0.0, "model_version": model}
        probs, classes = known[0], snapshot.project.config.data.classes
        order = (-probs).argsort(kind="stable")
        names, sure = tuple(classes[k] for k in order), tuple(float(probs[k]) for k in order)
        # a blind question, or one with a doubtful class, has no suggestion here, either
        blind, above = question is not None and question.blind, snapshot.project.config.annotator.suggest_above
        suggestion = Suggestion(str(name), names, sure, blind=blind, least=above)
        # Label Studio shows the lowest score first: the lowest confidence
        least = snapshot.kind.sureness(probs[None])
        return to_prediction(suggestion, float(least[0]), model, control)
