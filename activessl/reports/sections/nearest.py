"""Items drawn at random, with the items nearest to them in the embedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from activessl.geometry.units import centred_rows
from activessl.reports.looks import Look
from activessl.reports.pictures import label_of
from activessl.reports.sections.base import Material

__all__ = ["Nearest", "Sight"]

SHOWN_SIGHTS, SHOWN_ALIKE = 6, 7


@dataclass(frozen=True, slots=True)
class Sight:
    """An item with the items that are nearest to it in the embedding.

    Attributes:
        look: The item, as it looks.
        label: The label; None while there is none.
        alike: The items with the nearest embeddings, nearest first; empty for these items themselves.
    """

    look: Look
    label: str | None = None
    alike: tuple[Sight, ...] = ()


@dataclass(frozen=True)
class Nearest:
    """What the encoder takes for alike.

    Attributes:
        sights: Some items drawn at random, with the items nearest to them.
    """

    name: ClassVar[str] = "nearest"

    sights: tuple[Sight, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Draw some items, and find those nearest to them."""
        return cls(tuple(_sights(material)))

    def to_dict(self) -> dict[str, Any]:
        """Return nothing: pictures only."""
        return {}

    def to_text(self) -> list[str]:
        """Return nothing: pictures only."""
        return []


def _sights(material: Material) -> Iterator[Sight]:
    snapshot, pool = material.snapshot, material.pool
    if pool is None or pool.form.shown is None or snapshot.history.encoded is None:
        return
    ids = snapshot.embeddings.ids
    there = np.array([item in pool for item in ids], dtype=bool)
    if there.sum() <= SHOWN_ALIKE:
        return

    def sight(item: str) -> Sight:
        return Sight(material.look(item), label_of(snapshot, item))

    rng = np.random.default_rng([snapshot.project.config.seed, 8])
    rows = rng.choice(np.flatnonzero(there), min(SHOWN_SIGHTS, int(there.sum())), replace=False)
    points = centred_rows(snapshot.embeddings.vectors)
    likeness = np.where(there[:, None], points @ points[rows].T, -np.inf)
    for row, like in zip(rows, likeness.T, strict=True):
        like[row] = -np.inf
        alike = [sight(ids[i]) for i in np.argsort(-like, kind="stable")[:SHOWN_ALIKE]]
        yield replace(sight(ids[row]), alike=tuple(alike))
