"""Items that were added: whether they differ from those before, the accuracy on them, and the model in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.ledger.schema import Compared, Promoted
from activessl.proof.added import AddedAccuracy, added_accuracy, drift_text, left_text, waiting_text
from activessl.reports.sections.base import Material

__all__ = ["Drift"]

#: Most comparisons that the page shows, the newest first.
SHOWN = 5


@dataclass(frozen=True)
class Drift:
    """The comparisons of added items, and the comparisons of models.

    Attributes:
        comparisons: Each comparison with the accuracy on its items, newest first; None without a model.
        waiting: That added items wait for a comparison, in words; empty if none do.
        left: That labeled items left the data, in words; empty if none did.
        promotions: The comparisons of models, oldest first.
        in_use: The model in use; None without one.
    """

    name: ClassVar[str] = "drift"

    comparisons: tuple[tuple[Compared, AddedAccuracy | None], ...] = ()
    waiting: str = ""
    left: str = ""
    promotions: tuple[Promoted, ...] = ()
    in_use: Promoted | None = None

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Take the comparisons from the ledger, and measure the accuracy on their items."""
        history = material.history
        taught = history.encoded is not None and history.taught is not None and len(material.snapshot.training[0]) > 0
        found = [
            (one, added_accuracy(material.evidence, one) if taught else None)
            for one in reversed(history.comparisons[-SHOWN:])
        ]
        in_use = history.in_use[-1] if history.in_use else None
        left = left_text(material.evidence) if history.encoded is not None and history.labels else ""
        return cls(tuple(found), waiting_text(history), left, history.promotions, in_use)

    @property
    def lines(self) -> list[tuple[str, str, Compared]]:
        """For each comparison its result and the accuracy, in words, and the comparison."""
        return [(drift_text(one), "" if there is None else there.to_text(), one) for one, there in self.comparisons]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures; the ids of the added items are in the ledger only."""
        return {
            "drift": [
                one.model_dump(exclude={"kind", "format", "added", "turn"})
                | {"accuracy": None if there is None else there.to_dict()}
                for one, there in self.comparisons
            ],
            "left": self.left or None,
            "models": [one.model_dump(exclude={"kind", "format", "turn"}) for one in self.promotions],
            "model_in_use": None if self.in_use is None else self.in_use.model,
        }

    def to_text(self) -> list[str]:
        """Return two lines for each comparison, and one for the model in use."""
        lines = []
        for told, accuracy, _ in self.lines:
            lines.append(f"added        {told}")
            if accuracy:
                lines.append(f"{'':13}accuracy on them {accuracy}")
        if self.waiting:
            lines.append(f"added        {self.waiting}")
        if self.left:
            lines.append(f"left         {self.left}")
        if self.in_use is not None:
            lines.append(f"in use       model {self.in_use.model}, of round {self.in_use.round}: {self.in_use.why}")
        return lines
