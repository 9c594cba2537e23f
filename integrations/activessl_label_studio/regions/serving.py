"""The regions that Label Studio asks ``activessl serve`` for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from activessl.annotators.base import RegionSuggestion
from activessl.errors import AnnotatorError
from activessl.labels.questions import Question
from activessl.labels.regions.region import Regions
from activessl.pool.pool import Pool
from activessl.project.regions.snapshot import RegionSnapshot
from activessl_label_studio.mapping import question_of
from activessl_label_studio.regions.extents import Extent, extent_in_pool
from activessl_label_studio.regions.predictions import RegionPredictions
from activessl_label_studio.regions.tags import RegionControl, read_region_config
from activessl_label_studio.serving import Configs, Look
from activessl_label_studio.worker import Worker

__all__ = ["RegionPredictor"]

#: Items whose regions are kept: Label Studio asks again about each item that somebody opens.
_KEPT = 2_000


def _of_item(extent: Extent, _item: str) -> Extent:
    return extent


class _View:
    """A project with one model, and the regions that it has found so far."""

    def __init__(self, snapshot: RegionSnapshot) -> None:
        self.snapshot = snapshot
        self.pool: Pool = snapshot.project.pool()
        self._found: dict[str, tuple[Regions, float]] = {}

    def regions(self, items: Sequence[str]) -> Mapping[str, tuple[Regions, float]]:
        """The regions of items with a row, and the confidence in each item; nothing before the first head."""
        new = [item for item in dict.fromkeys(items) if item not in self._found]
        if len(self._found) + len(new) > _KEPT:
            self._found.clear()
            new = list(dict.fromkeys(items))
        self._found.update(zip(new, self.snapshot.predicted(new), strict=False))
        return self._found


class RegionPredictor:
    """Predicts the regions of items.

    Args:
        worker: The worker of the service.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        project = worker.session.project.config
        task, name = project.data.task, project.annotator.control
        self._configs = Configs(
            lambda config, naming: read_region_config(config, task, control=name).called(naming),
        )
        self._view: tuple[tuple[Any, ...], _View] | None = None
        self._guard = threading.Lock()

    def newest(self) -> Look:
        """Look at ledger and model now, and return what predicts by them."""
        project = self.worker.session.project
        history = project.history()
        key = (self.worker.state.model, history.classes, history.encoded)
        with self._guard:
            if self._view is None or self._view[0] != key:
                self._view = (key, _View(RegionSnapshot.of(project)))
            view = self._view[1]

        def look(config: str, tasks: Sequence[Any]) -> list[dict[str, Any]]:
            control = self._configs.tag(config, history.naming)
            with self._guard:  # one network, one memory map
                return self._predictions(view, control, tasks, history.questions)

        return look

    def _predictions(
        self, view: _View, control: RegionControl, tasks: Sequence[Any], asked: Mapping[str, Question]
    ) -> list[dict[str, Any]]:
        """One prediction for each task: Label Studio drops all if one is missing."""
        model, snapshot = self.worker.state.model, view.snapshot
        nothing = {"result": [], "score": 0.0, "model_version": model}
        names = [question_of(task) if isinstance(task, Mapping) else None for task in tasks]
        questions = [asked.get(name or "") for name in names]
        items = [name if question is None else question.item for name, question in zip(names, questions, strict=True)]
        there = [item for item in items if item is not None and item in snapshot.row and item in view.pool]
        found = view.regions(there) if snapshot.history.encoded is not None else {}
        told = []
        for task, name, question, item in zip(tasks, names, questions, items, strict=True):
            if name is None or item is None or item not in found:  # no head yet, or not an item of the pool
                told.append(dict(nothing))
                continue
            regions, score = snapshot.worth_showing(found[item][0]), found[item][1]
            # a blind question has no suggestion here, either
            one = RegionSuggestion(name, regions, score, blind=question is not None and question.blind)
            extent = extent_in_pool(view.pool, view.pool.row(item))
            sent = RegionPredictions(control, {name: one}, model, partial(_of_item, extent))
            try:
                told.append(sent.prediction(name, score, task))
            except AnnotatorError:  # a browser would not show it as it is meant: then nothing is shown
                told.append(dict(nothing))
        return told
