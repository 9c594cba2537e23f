"""Why the model predicts what it predicts: a few items, and whether the maps mean something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.explaining.deletion import DeletionTest
from activessl.explaining.places import PLACES
from activessl.reports.explained import Shown, shown
from activessl.reports.sections.base import Material
from activessl.steps.explain import Explainer

__all__ = ["Explanations"]

#: Items of the deletion test, and the time after which no further item is begun, in seconds.
TESTED, MOST_SECONDS = 12, 15.0
#: Suspect labels, items of the newest round and uncertain predictions that are explained.
EACH = 2


@dataclass(frozen=True)
class Explanations:
    """A few explained items.

    Attributes:
        shown: Suspect labels, items that were asked about, and the least certain predictions.
        test: The deletion test of the maps; None where there are no maps.
    """

    name: ClassVar[str] = "explained"

    shown: tuple[Shown, ...] = ()
    test: DeletionTest | None = None

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Explain a few items with the newest model; nothing without one, or without its encoder."""
        snapshot = material.snapshot
        if material.history.taught is None or material.history.encoded is None or not len(snapshot.training[0]):
            return cls()
        try:
            explainer = Explainer(snapshot, snapshot.on_progress, pool=material.pool)
            mapped = material.pool is not None and snapshot.project.config.data.modality in PLACES
            test = explainer.test(TESTED, MOST_SECONDS) if mapped else None
            found = [explainer.explain(item, maps=mapped) for item in dict.fromkeys(_chosen(material))]
        except ActiveSSLError:  # the encoder cannot be read: the rest of the report does not need it
            return cls()
        return cls(tuple(shown(one, explainer.pool) for one in found), test)

    def to_dict(self) -> dict[str, Any]:
        """Return the test, and the explained items without their maps."""
        return {
            "explanations": {
                "deletion_test": None if self.test is None else self.test.to_dict(),
                "items": [{k: v for k, v in one.explained.to_dict().items() if k != "map"} for one in self.shown],
            }
        }

    def to_text(self) -> list[str]:
        """Return the deletion test."""
        if self.test is None or not self.test.items:
            return []
        kept = "" if self.test.passed else "; not better than chance, so maps are not shown"
        return [f"maps         {self.test.to_text()}{kept}"]


def _chosen(material: Material) -> Iterator[str]:
    snapshot = material.snapshot
    yield from [one.item for one in material.suspects if one.item in snapshot.row][:EACH]
    if material.history.rounds:
        yield from [item for item in material.history.rounds[-1].items if item in snapshot.row][:EACH]
    free = np.flatnonzero(snapshot.free[snapshot.field])
    unsure = free[np.argsort(snapshot.field_sure[free], kind="stable")][:EACH]
    yield from (snapshot.embeddings.ids[row] for row in snapshot.field[unsure])
