"""Learning curves: accuracy by number of labels, with that of random choice where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from activessl.measuring.intervals import mean_interval
from activessl.measuring.savings.savings import Savings
from activessl.measuring.simulation.simulate import Simulation
from activessl.project.snapshot import Snapshot
from activessl.reports.chart import Chart, Line, draw
from activessl.reports.sections.base import Material, fields_of

__all__ = ["Curves"]


@dataclass(frozen=True)
class Curves:
    """Learning curves.

    Attributes:
        lines: Learning curves, with that of random choice where there is one.
    """

    name: ClassVar[str] = "curves"

    lines: tuple[Line, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Collect the accuracy on test data after each round, and the replayed arms."""
        return cls(tuple(_lines(material.snapshot, material.arm)))

    def to_dict(self) -> dict[str, Any]:
        """Return all curves."""
        return {"curves": [fields_of(line) for line in self.lines]}

    def to_text(self) -> list[str]:
        """Return nothing: the rounds have the same figures."""
        return []

    def chart(self, savings: Savings | None) -> Chart | None:
        """Lay out the curves with the saving; None without any."""
        return draw(self.lines, savings)


def _lines(snapshot: Snapshot, arm: Simulation | None) -> Iterator[Line]:
    measured = [t for r in snapshot.history.rounds for t in r.taught[-1:] if t.accuracy is not None]
    if measured:
        accuracy = tuple(t.accuracy for t in measured if t.accuracy is not None)
        yield Line("this project", "ours", tuple(t.labels for t in measured), accuracy)
    if arm is not None:
        for name, one in arm.arms.items():
            curve = one.curve
            low, high = mean_interval(curve.accuracy)
            yield Line(
                "random choice" if name == "random" else f"{name}, replayed",
                "baseline" if name == "random" else "other",
                tuple(int(b) for b in curve.labels),
                tuple(float(v) for v in curve.mean),
                tuple(float(v) for v in low),
                tuple(float(v) for v in high),
            )
