"""The training rounds of annotators: their scores before and after they saw their mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.quality.agreement import Agreement
from activessl.reports.sections.base import Material
from activessl.reports.training import TrainedPerson, agreed_in, people_of

__all__ = ["Training"]


@dataclass(frozen=True)
class Training:
    """The newest training round that somebody finished a part of.

    Attributes:
        number: Its number; 0 without one.
        people: The scores of everybody.
        before: How far people agree with each other in the first part; None with fewer than two.
        after: The same of the second part.
    """

    name: ClassVar[str] = "training"

    number: int = 0
    people: tuple[TrainedPerson, ...] = ()
    before: Agreement | None = None
    after: Agreement | None = None

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Score the answers."""
        newest = next((one for one in reversed(material.history.trainings) if one.done), None)
        if newest is None:
            return cls()
        return cls(
            newest.opened.training,
            people_of(newest, material.history),
            agreed_in(newest, "before"),
            agreed_in(newest, "after"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all scores."""
        return {
            "training": {
                "number": self.number or None,
                "people": [one.to_dict() for one in self.people],
                "agreement_before": None if self.before is None else self.before.to_dict(),
                "agreement_after": None if self.after is None else self.after.to_dict(),
            }
        }

    def to_text(self) -> list[str]:
        """Return a line for each person."""
        return [f"training     {one.name}: {one.to_text()}" for one in self.people]
