"""Hours, money, and how people answered with and without a suggestion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.quality.anchoring import Anchoring
from activessl.reports.pace import anchoring_of
from activessl.reports.sections.base import Material

__all__ = ["Hours"]


@dataclass(frozen=True)
class Hours:
    """The part of the page about time; times and hours saved are the report's own.

    Attributes:
        anchoring: Anchoring of people on the suggestions; None with too few blind items.
    """

    name: ClassVar[str] = "hours"

    anchoring: Anchoring | None = None

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Compare the answers with and without a suggestion."""
        return cls(anchoring_of(material.snapshot))

    def to_dict(self) -> dict[str, Any]:
        """Return the anchoring."""
        return {"anchoring": None if self.anchoring is None else self.anchoring.to_dict()}

    def to_text(self) -> list[str]:
        """Return the line of the anchoring."""
        return [] if self.anchoring is None else [f"anchoring    {self.anchoring.to_text()}"]
