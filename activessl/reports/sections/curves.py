"""Learning curves: accuracy by number of labels, with that of random choice where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from activessl.measuring.intervals import mean_interval, share_interval
from activessl.measuring.quality.audit import FEWEST
from activessl.measuring.savings.savings import Savings
from activessl.reports.chart import NARROW, WIDE, Chart, Line, draw
from activessl.reports.pace import tax_of
from activessl.reports.sections.base import Material, fields_of

__all__ = ["Curves"]


@dataclass(frozen=True)
class Curves:
    """Learning curves.

    Attributes:
        lines: Learning curves by number of labels, with that of random choice where there is one.
        hours: The same by hours of labeling; empty where no times are recorded.
    """

    name: ClassVar[str] = "curves"

    lines: tuple[Line, ...] = ()
    hours: tuple[Line, ...] = ()

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Collect the accuracy after each round, and the replayed arms."""
        lines = tuple(_lines(material))
        time = material.forecast.time
        if time is None:
            return cls(lines)
        tax = tax_of(material.snapshot)
        # most recorded times are of chosen items; the time of a random item is that without the tax
        random = time.per_label / (1.0 if tax is None else tax.ratio)
        hours = tuple(_in_hours(line, random if line.role == "baseline" else time.per_label) for line in lines)
        return cls(lines, hours)

    def to_dict(self) -> dict[str, Any]:
        """Return all curves."""
        return {
            "curves": [fields_of(line) for line in self.lines],
            "curves_in_hours": [fields_of(line) for line in self.hours],
        }

    def to_text(self) -> list[str]:
        """Return nothing: the rounds have the same figures."""
        return []

    def charts(self, savings: Savings | None) -> tuple[Chart, ...]:
        """Lay out the curves with the saving, wide and narrow; none without curves."""
        return tuple(one for frame in (WIDE, NARROW) if (one := draw(self.lines, savings, frame=frame)))

    def charts_in_time(self) -> tuple[Chart, ...]:
        """Lay out the curves by hours or minutes of labeling, wide and narrow; none without times."""
        return tuple(one for frame in (WIDE, NARROW) if (one := draw(self.hours, None, "hours", frame)))


def _in_hours(line: Line, seconds: float) -> Line:
    return replace(line, labels=tuple(count * seconds / 3600 for count in line.labels))


def _lines(material: Material) -> Iterator[Line]:
    measured = [t for r in material.history.rounds for t in r.taught[-1:] if t.accuracy is not None]
    if measured:
        accuracy = tuple(t.accuracy for t in measured if t.accuracy is not None)
        yield Line("this project", "ours", tuple(t.labels for t in measured), accuracy)
    elif material.evidence.audit is not None:
        yield from _estimated(material)
    if material.arm is None:
        return
    for name, one in material.arm.arms.items():
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


def _estimated(material: Material) -> Iterator[Line]:
    """Yield the curve that the random labels measure, and the labels that random choice is estimated to need."""
    evidence = material.evidence
    sizes, right = evidence.outcomes
    if right.shape[1] < FEWEST:
        return
    ends = [share_interval(float(row.sum()), len(row)) for row in right]
    yield Line(
        "this project",
        "ours",
        tuple(float(round(size)) for size in sizes),
        tuple(float(row.mean()) for row in right),
        tuple(low for low, _ in ends),
        tuple(high for _, high in ends),
        band=f"90 % interval, from {right.shape[1]} random labels that were left out",
    )
    live = evidence.live
    if live is not None and live.saved > 0:
        yield Line("random, estimated", "baseline", (float(round(live.baseline_labels)),), (float(right[-1].mean()),))
