"""Items drawn at random, with the items nearest to them in the embedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any, ClassVar, Self

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.geometry.units import centred_rows
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.reports.pictures import EXCERPT, label_of, thumbnail
from activessl.reports.sections.base import Material

__all__ = ["Nearest", "Sight"]

SHOWN_SIGHTS, SHOWN_ALIKE = 6, 7


@dataclass(frozen=True, slots=True)
class Sight:
    """An item with the items that are nearest to it in the embedding.

    Attributes:
        id: The item.
        text: Its text; empty for items that are not texts.
        thumbnail: A ``data:`` URI of a small picture; None for items that are not pictures.
        label: The label; None while there is none.
        alike: The items with the nearest embeddings, nearest first; empty for these items themselves.
    """

    id: str
    text: str = ""
    thumbnail: str | None = None
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
    if pool is None or pool.form.shown not in ("picture", "text") or snapshot.history.encoded is None:
        return
    ids = snapshot.embeddings.ids
    there = np.array([item in pool for item in ids], dtype=bool)
    if there.sum() <= SHOWN_ALIKE:
        return
    rng = np.random.default_rng([snapshot.project.config.seed, 8])
    rows = rng.choice(np.flatnonzero(there), min(SHOWN_SIGHTS, int(there.sum())), replace=False)
    points = centred_rows(snapshot.embeddings.vectors)
    likeness = np.where(there[:, None], points @ points[rows].T, -np.inf)
    for row, like in zip(rows, likeness.T, strict=True):
        like[row] = -np.inf
        alike = [_sight(snapshot, pool, ids[i]) for i in np.argsort(-like, kind="stable")[:SHOWN_ALIKE]]
        yield replace(_sight(snapshot, pool, ids[row]), alike=tuple(alike))


def _sight(snapshot: Snapshot, pool: Pool, item: str) -> Sight:
    try:
        text = str(pool.source.read(item)) if pool.form.shown == "text" else ""
    except ActiveSSLError:
        text = ""
    return Sight(item, shorten(text, EXCERPT, placeholder=" …"), thumbnail(pool, item), label_of(snapshot, item))
