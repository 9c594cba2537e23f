"""The items of the newest rounds, with the reasons why they were asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.reports.pictures import label_of, thumbnail
from activessl.reports.sections.base import Material, fields_of

__all__ = ["ItemRow", "Newest"]

SHOWN_ITEMS = 24


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item of a round, with the reason why it was asked about.

    Attributes:
        id: The item.
        reason: Why it was asked about.
        round: Number of the round.
        label: The label; None while there is none.
        suggestion: The suggestion; None for a blind item.
        thumbnail: A ``data:`` URI of a small picture; None for items that are not pictures.
    """

    id: str
    reason: str
    round: int
    label: str | None = None
    suggestion: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True)
class Newest:
    """Items that were asked about.

    Attributes:
        rows: Items of the newest rounds, the most informative first.
    """

    name: ClassVar[str] = "newest"

    rows: tuple[ItemRow, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Take the items of the newest rounds."""
        return cls(tuple(_rows(material)))

    def to_dict(self) -> dict[str, Any]:
        """Return the items, without pictures."""
        return {"sample": [{k: v for k, v in fields_of(row).items() if k != "thumbnail"} for row in self.rows]}

    def to_text(self) -> list[str]:
        """Return nothing."""
        return []


def _rows(material: Material) -> Iterator[ItemRow]:
    pool = material.pool
    suggested = {(a.question, a.item): a.suggested for a in material.history.answers.values() if a.suggested}
    shown = 0
    for r in reversed(material.history.rounds):
        for question, item in [(asked, item) for asked in r.questions for item in asked.items]:
            if shown == SHOWN_ITEMS:
                return
            shown += 1
            yield ItemRow(
                id=item,
                reason=question.reason,
                round=r.number,
                label=label_of(material.snapshot, item),
                suggestion=suggested.get((question.id, item)),
                thumbnail=None if pool is None or item not in pool else thumbnail(pool, item),
            )
