"""The classes, the weakest first: labels, recall, precision, confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from activessl.measuring.quality.classes import ClassQuality
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.reports.sections.base import Material, fields_of
from activessl.reports.wording import classes_from, weakest_text

__all__ = ["ClassRow", "Classes"]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Figures of one class.

    Attributes:
        name: The class.
        labels: Number of its labels.
        predicted: Number of unlabeled items that the head predicts as this class.
        confidence: Mean probability of the predicted class over these items; None without such items.
        confused_with: The class most often second; None without one.
        quality: Recall and precision; None where they were not measured.
    """

    name: str
    labels: int
    predicted: int
    confidence: float | None = None
    confused_with: str | None = None
    quality: ClassQuality | None = None


@dataclass(frozen=True)
class Classes:
    """The classes.

    Attributes:
        rows: One row for each class, the weakest first.
        measured: Sample on which recall and precision are measured; empty where they are not.
    """

    name: ClassVar[str] = "classes"

    rows: tuple[ClassRow, ...] = ()
    measured: str = ""

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Collect the figures of each class."""
        evidence = material.evidence
        rows = tuple(sorted(_rows(material.snapshot, evidence), key=_weakness))
        return cls(rows, classes_from(evidence.classes, evidence.tested))

    def to_dict(self) -> dict[str, Any]:
        """Return all classes."""
        return {
            "classes": [
                fields_of(row) | {"quality": None if row.quality is None else row.quality.to_dict()}
                for row in self.rows
            ],
            "classes_from": self.measured or None,
        }

    def to_text(self) -> list[str]:
        """Return the line of the weakest class."""
        weak = weakest_text([(row.name, row.quality) for row in self.rows])
        return [f"by class     {weak} {self.measured}"] if weak else []


def _rows(snapshot: Snapshot, evidence: Evidence) -> Iterator[ClassRow]:
    if snapshot.history.encoded is None or snapshot.field_probs is None or snapshot.field_decided is None:
        return
    classes, probs, decided = snapshot.project.config.data.classes, snapshot.field_probs, snapshot.field_decided
    each = len(snapshot.embeddings) / len(snapshot.field)  # items that a row of a large pool's random part stands for
    qualities = evidence.classes or (None,) * len(classes)
    second = np.argsort(-probs, axis=1)[:, 1]
    labels = Counter(c for label in snapshot.history.labels.values() for c in label.classes)
    for k, name in enumerate(classes):
        mine = snapshot.kind.having(decided, k)
        unsure = mine[probs[mine, k] < np.median(probs[mine, k])] if len(mine) else mine
        # where an item may have several classes, one class does not exclude another
        rivals = Counter[int]() if snapshot.kind.independent else Counter(second[unsure].tolist())
        yield ClassRow(
            name=name,
            labels=labels[name],
            predicted=round(len(mine) * each),
            confidence=float(probs[mine, k].mean()) if len(mine) else None,
            confused_with=classes[rivals.most_common(1)[0][0]] if rivals else None,
            quality=qualities[k],
        )


def _weakness(row: ClassRow) -> tuple[float, float]:
    """Sort key: lowest upper bound of recall first, then lowest confidence."""
    recall = None if row.quality is None else row.quality.recall
    return (1.0 if recall is None else recall.high, 1.0 if row.confidence is None else row.confidence)
