"""Decisions of the gates between the stages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.ledger.schema import Decided
from activessl.reports.sections.base import Material
from activessl.reports.wording import earlier_text, gate_line

__all__ = ["Gates"]


@dataclass(frozen=True)
class Gates:
    """The decisions of the gates.

    Attributes:
        decisions: Oldest first.
    """

    name: ClassVar[str] = "gates"

    decisions: tuple[Decided, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Take the decisions from the ledger."""
        return cls(material.history.decisions)

    @property
    def newest(self) -> list[tuple[Decided, int]]:
        """The newest decision of each stage, and the number of earlier decisions about it."""
        newest = {decision.stage: decision for decision in self.decisions}
        count = Counter(decision.stage for decision in self.decisions)
        return [(decision, count[stage] - 1) for stage, decision in newest.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return all decisions."""
        return {"gates": [decision.model_dump(exclude={"kind"}) for decision in self.decisions]}

    def to_text(self) -> list[str]:
        """Return a line for each stage."""
        lines = []
        for decision, earlier in self.newest:
            before = f"; {earlier_text(earlier)}" if earlier else ""
            lines.append(f"gate         {gate_line(decision).removeprefix('gate ')}{before}")
        return lines
