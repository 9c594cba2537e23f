"""What the model finds hard: the least sure items, and mistakes in the weakest class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from activessl.labels.answers import class_text
from activessl.reports.looks import Look, look
from activessl.reports.sections.base import Material

__all__ = ["Hard", "HardItem"]

SHOWN = 12


@dataclass(frozen=True, slots=True)
class HardItem:
    """An item with its prediction.

    Attributes:
        look: How it looks.
        predicted: The prediction.
        confidence: Its probability; None where only the class is known.
        label: The label; None without one.
    """

    look: Look
    predicted: str
    confidence: float | None = None
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the item without its picture."""
        return {
            "id": self.look.id,
            "predicted": self.predicted,
            "confidence": self.confidence,
            "label": self.label,
        }


@dataclass(frozen=True)
class Hard:
    """Hard items.

    Attributes:
        unsure: Unlabeled items, the least sure first.
        weakest: The class with the lowest recall; empty where recall is not measured, or is 100 % everywhere.
        missed: Items of this class that were predicted as another.
        sample: What these items are, in words.
    """

    name: ClassVar[str] = "hard"

    unsure: tuple[HardItem, ...] = ()
    weakest: str = ""
    missed: tuple[HardItem, ...] = ()
    sample: str = ""

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Find the least sure items, and the mistakes in the weakest class."""
        snapshot = material.snapshot
        if snapshot.history.encoded is None or snapshot.field_decided is None:
            return cls()
        decided, sure = snapshot.field_decided, snapshot.field_sure
        free = np.flatnonzero(snapshot.free[snapshot.field])
        unsure = tuple(
            HardItem(
                material.look(snapshot.embeddings.ids[snapshot.field[row]]),
                class_text(snapshot.named(decided[row])),
                float(sure[row]),
            )
            for row in free[np.argsort(sure[free], kind="stable")[:SHOWN]]
        )
        judged, classes = material.judged, snapshot.project.config.data.classes
        if judged is None or snapshot.kind.independent:
            return cls(unsure)
        total = np.bincount(judged.truth, minlength=len(classes))
        right = np.bincount(judged.truth[judged.truth == judged.said], minlength=len(classes))
        recall = np.where(total > 0, right / np.maximum(total, 1), 1.0)
        worst = int(recall.argmin())
        if recall[worst] == 1.0:
            return cls(unsure)
        items = np.flatnonzero((judged.truth == worst) & (judged.said != worst))[:SHOWN]
        missed = tuple(
            HardItem(look(judged.pool, judged.ids[i], heard=True), classes[judged.said[i]], label=classes[worst])
            for i in items
        )
        return cls(unsure, classes[worst], missed, judged.sample)

    def to_dict(self) -> dict[str, Any]:
        """Return the items, without pictures."""
        return {
            "least_sure": [item.to_dict() for item in self.unsure],
            "weakest": {"class": self.weakest, "sample": self.sample, "missed": [i.to_dict() for i in self.missed]}
            if self.weakest
            else None,
        }

    def to_text(self) -> list[str]:
        """Return nothing: the weakest class stands with the classes."""
        return []
