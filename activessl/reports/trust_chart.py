"""The reliability curve as a drawing: coordinates here, looks in the page's style sheet."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.measuring.quality.trust import Trust

SIZE, EDGE, FOOT = 320, 52, 44


@dataclass(frozen=True, slots=True)
class Mark:
    """A group of predictions: where it stands, its interval, and what a pointer sees."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A share, on both axes."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class TrustChart:
    """All coordinates of the drawing."""

    size: int
    left: float
    right: float
    top: float
    bottom: float
    ticks: tuple[Step, ...]
    marks: tuple[Mark, ...]
    told: str


def draw_trust(trust: Trust | None) -> TrustChart | None:
    """Lay out a reliability curve; None where there is none."""
    if trust is None:
        return None
    left, right, top, bottom = float(EDGE), SIZE - 12.0, 12.0, float(SIZE - FOOT)

    def x(share: float) -> float:
        return round(left + share * (right - left), 1)

    def y(share: float) -> float:
        return round(bottom - share * (bottom - top), 1)

    marks = tuple(
        Mark(
            x(g.said),
            y(g.right),
            y(g.low),
            y(g.high),
            f"says {100 * g.said:.0f} %: right in {100 * g.right:.0f} % of {g.labels:,}",
        )
        for g in trust.groups
    )
    ticks = tuple(Step(x(s), y(s), f"{100 * s:.0f} %") for s in (0.0, 0.25, 0.5, 0.75, 1.0))
    return TrustChart(SIZE, left, right, top, bottom, ticks, marks, "; ".join(m.text for m in marks))
