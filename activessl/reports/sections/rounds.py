"""The rounds: what each asked, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.planning.times import labeling_times
from activessl.project.snapshot import Snapshot
from activessl.reports.sections.base import Material, fields_of
from activessl.reports.wording import percent

__all__ = ["RoundRow", "Rounds"]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round.

    Attributes:
        number: From 1.
        strategy: The strategy that chose the items.
        asked: Items asked about.
        labels: Labels after the round; None before the head was taught.
        accuracy: Accuracy after the round; None where it was not measured.
        change: Share of the pool whose predicted class changed; None for the first.
        human_seconds: Recorded labeling time of the round; None where none was recorded.
        machine_seconds: Time for choosing and teaching.
    """

    number: int
    strategy: str
    asked: int
    labels: int | None
    accuracy: float | None = None
    change: float | None = None
    human_seconds: float | None = None
    machine_seconds: float | None = None


@dataclass(frozen=True)
class Rounds:
    """All rounds.

    Attributes:
        rows: One row for each round.
    """

    name: ClassVar[str] = "rounds"

    rows: tuple[RoundRow, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Take the rounds from the ledger."""
        return cls(tuple(_rows(material.snapshot)))

    @property
    def tested(self) -> bool:
        """Whether a round was measured on test data."""
        return any(row.accuracy is not None for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return all rounds."""
        return {"rounds": [fields_of(row) for row in self.rows]}

    def to_text(self) -> list[str]:
        """Return a table."""
        if not self.rows:
            return []
        on_test = f"{'accuracy on test data':>21}  " if self.tested else ""
        lines = ["", f"{'round':>5}  {'labels':>6}  {on_test}{'changed':>7}  strategy"]
        for row in self.rows:
            accuracy = "-" if row.accuracy is None else percent(row.accuracy, 1)
            accuracy = f"{accuracy:>21}  " if self.tested else ""
            change = "-" if row.change is None else percent(row.change, 1)
            labels = "-" if row.labels is None else str(row.labels)
            lines.append(f"{row.number:>5}  {labels:>6}  {accuracy}{change:>7}  {row.strategy}")
        return lines


def _rows(snapshot: Snapshot) -> Iterator[RoundRow]:
    seconds: dict[str, float] = {}
    for timed in labeling_times(snapshot.history.answers.values()):
        question = timed.answer.question
        seconds[question] = seconds.get(question, 0.0) + timed.seconds
    for r in snapshot.history.rounds:
        newest = r.taught[-1] if r.taught else None
        people = sum(seconds.get(question.id, 0.0) for question in r.questions)
        yield RoundRow(
            number=r.number,
            strategy=r.queried.strategy,
            asked=len(r.items),
            labels=None if newest is None else newest.labels,
            accuracy=None if newest is None else newest.accuracy,
            change=None if newest is None else newest.change,
            human_seconds=people or None,
            machine_seconds=r.queried.seconds + sum(t.seconds for t in r.taught),
        )
