"""What a push sends with each question about regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from activessl.annotators.base import RegionSuggestion
from activessl.errors import AnnotatorError
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.places import Box
from activessl.labels.regions.region import Region
from activessl_label_studio.mapping import ITEM_KEY, question_of
from activessl_label_studio.predictions import newest_prediction
from activessl_label_studio.regions.checking import misfit
from activessl_label_studio.regions.extents import Extent, Unreadable, extent_of_task, meta_of
from activessl_label_studio.regions.results import write_result
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["RegionPredictions"]


@dataclass(frozen=True)
class RegionPredictions:
    """Suggested regions.

    Attributes:
        control: The tag that draws.
        suggested: The suggestions by question.
        model: The version of the model.
        extent: The size of an item in the pool.
    """

    control: RegionControl
    suggested: Mapping[str, RegionSuggestion] = field(repr=False)
    model: str
    extent: Callable[[str], Extent] = field(repr=False)

    @property
    def key(self) -> str:
        """The key of a task's ``data`` with the item."""
        return self.control.key

    @property
    def beside(self) -> tuple[str, ...]:
        """Further keys of ``data`` that the label config shows."""
        return self.control.beside

    def prediction(self, question: str, score: float, task: Mapping[str, Any]) -> dict[str, Any]:
        """Return the prediction of a question. Without a suggestion, and for a blind question, nothing is shown.

        Raises:
            AnnotatorError: A browser would not show a region as it is meant.
        """
        suggestion = self.suggested.get(question)
        shown = () if suggestion is None or suggestion.blind else suggestion.regions
        result: list[dict[str, Any]] = []
        if shown:
            extent = self._extent(task, question)
            try:
                # a class that people removed from the config cannot be shown
                result = write_result(self._fitting(shown, extent, question), self.control, extent, seed=question)
                why = misfit(result, self.control, extent)
            except Unreadable as reason:
                why = f"a region {reason}"
            if why:
                raise AnnotatorError(
                    f"the suggestion for {question!r} does not fit the label config: {why}",
                    hint="correct the label config, or teach the head again",
                )
        return {"model_version": self.model, "score": float(score), "result": result}

    def _fitting(self, regions: Sequence[Region], extent: Extent, question: str) -> tuple[Region, ...]:
        """The regions that can be shown: a class may be gone from the config, and a head may place a box outside."""
        found = []
        for region in regions:
            if not all(name in self.control.classes for name in region.classes):
                continue
            place = region.place
            if isinstance(place, Box) and place.upright and extent.shape:
                left, top, right, bottom = place.bounds
                if right <= 0 or bottom <= 0 or left >= extent.shape[1] or top >= extent.shape[0]:
                    continue
                found.append(check_region(region, extent.shape, question, cut=True))
            else:
                found.append(region)
        return tuple(found)

    def carried(self, task: Mapping[str, Any], score: float) -> dict[str, Any]:
        """Return the prediction of an older task: a new suggestion, else the previous one if it still fits."""
        question, newest = str(question_of(task)), newest_prediction(task)
        if question in self.suggested or newest is None:
            return self.prediction(question, score, task)
        extent = self._extent(task, question)
        kept = list(newest.get("result") or ())
        fits = not misfit(kept, self.control, extent)
        return {"model_version": self.model, "score": float(score), "result": kept if fits else []}

    def _extent(self, task: Mapping[str, Any], question: str) -> Extent:
        return extent_of_task(task, self.control, self.extent(str(task["data"].get(ITEM_KEY) or question)))

    def meta(self, item: str) -> dict[str, Any]:
        """Return the size of an item, in which its regions are counted."""
        return {} if self.control.shown == "text" else meta_of(self.extent(item))

    def count(self, questions: Sequence[str]) -> int:
        """Return for how many questions people see a suggestion."""
        found = (self.suggested.get(question) for question in questions)
        return sum(bool(s.regions) and not s.blind for s in found if s is not None)
