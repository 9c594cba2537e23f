"""The status of a project of regions, as text for the terminal and as values for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from activessl.measuring.planning.region_hours import RegionEffort
from activessl.pool.progress import duration
from activessl.project.data_now import DataNow
from activessl.project.folder import RESTORE
from activessl.proof.regions.figures import RegionFigures, class_rows, ratio_text

__all__ = ["RegionStatus", "effort_text", "saved_text"]


@dataclass(frozen=True)
class RegionStatus:
    """The status of a project of regions.

    Args:
        figures: Its figures.
        data: State of its data files.
    """

    figures: RegionFigures
    data: DataNow

    @cached_property
    def waiting(self) -> int:
        """Items of the open round that wait for an answer."""
        history = self.figures.history
        return len(history.waiting(history.open_round)) if history.open_round else 0

    def to_text(self) -> str:
        """Return the status, one fact for each line."""
        return "\n".join([*self._pool(), *self._answers(), *self._model()])

    def to_dict(self) -> dict[str, Any]:
        """Return the status as values; the names that a project of classes has, too, mean the same."""
        history, config = self.figures.history, self.figures.config
        current, taught = history.open_round, history.taught
        return {
            "task": config.data.task,
            "classes": config.data.classes,
            "data": self.data,
            "encoded": history.encoded,
            "rounds": len(history.rounds),
            "open_round": current.number if current else None,
            "waiting": self.waiting,
            "asked": sum(len(r.items) for r in history.rounds),
            "labeled": len(history.labels),
            "skipped": len(history.skipped),
            "quarantined": len(history.quarantined),
            "unread": len(history.unread.keys() - history.reopened.keys()),
            "reopened": len(history.reopened),
            "missing": len(history.missing),
            "taught": taught,
            **self.figures.to_dict(),
        }

    def _pool(self) -> Iterator[str]:
        data, encoded = self.figures.config.data, self.figures.history.encoded
        yield f"data: {data.path}, {data.modality} items; {data.task} of {len(data.classes)} classes"
        if not self.data.there:
            yield f"  {data.path} does not exist: {RESTORE}"
        elif encoded and self.data.changed:
            yield (
                f"  {self.data.new:,} new files since the pool was encoded; {self.data.gone:,} encoded items missing "
                "or set aside, their answers are kept"
            )
        if encoded is None:
            yield "encoded: not yet"
        else:
            yield f"encoded: parts of {encoded.items:,} items by {encoded.encoder} {encoded.fingerprint[:12]}"

    def _answers(self) -> Iterator[str]:
        history, current, effort = self.figures.history, self.figures.history.open_round, self.figures.effort
        opened = f"; round {current.number} is open, {self.waiting} items wait for an answer" if current else ""
        yield f"rounds: {len(history.rounds)}{opened}"
        gone = len(self.figures.forgotten & history.labels.keys())
        imported = len(history.labels) - effort.items - gone
        more = f", {imported:,} of them imported" if imported > 0 else ""
        more += f", {gone:,} of them forgotten" if gone else ""
        yield f"answers: {len(history.labels):,} items{more}; {len(history.skipped)} skipped"
        if effort.items:
            yield f"drawn: {effort_text(effort)}"
        if self.figures.pace is not None:
            yield f"pace: {self.figures.pace.to_text()}"
        if odd := history.unread.keys() - history.reopened.keys():
            yield f"asked about again: {len(odd):,} items, whose answer cannot be read"
        if history.reopened:
            yield (
                f"asked about again: {len(history.reopened):,} items, whose class was split, or whose merge was taken "
                "back"
            )
        if history.quarantined:
            yield (
                f"set aside: {len(history.quarantined)} answers with classes not in data.classes; add a class to count "
                "its answers"
            )
        if self.figures.differing:
            count = len(self.figures.differing)
            yield f"people differ about {count:,} item{'s' * (count != 1)}; the newest answer counts, or ground truth"

    def _model(self) -> Iterator[str]:
        history, quality = self.figures.history, self.figures.quality
        if history.taught is None:
            if history.nothing_drawn:
                yield f"model: none yet: none of the {len(history.labels):,} items with an answer holds a region"
            return
        yield f"model: taught {history.taught.labels:,} answers {history.taught.when}"
        yield f"quality: {self.figures.quality_text}"
        if quality is not None and len(quality.classes) > 1:
            for name, one in class_rows(quality)[:-1]:
                yield f"  {name}: recall {ratio_text(one.recall)}, precision {ratio_text(one.precision)}"
        if quality is not None and quality.any_overlap is not None:
            yield f"  with any overlap: F1 {ratio_text(quality.any_overlap.f1)}"
        yield f"suggestions: {saved_text(self.figures)}"


def effort_text(effort: RegionEffort) -> str:
    """What was drawn, and how long it took, in one line."""
    text = f"{effort.regions:,} regions in {effort.items - effort.empty:,} items; {effort.empty:,} items hold none"
    if effort.seconds is None or effort.per_item is None:
        return f"{text}; no time recorded"
    each = f"{effort.per_item:.1f} s an item"
    each += "" if effort.per_region is None else f", {effort.per_region:.1f} s a region"
    return f"{text}; {duration(effort.seconds)} of labeling, {each}"


def saved_text(figures: RegionFigures) -> str:
    """What suggestions save, or why it is not known."""
    found = figures.correcting
    return f"not known, because {found}" if isinstance(found, str) else found.to_text()
