"""Coordinates of the calibration curve; the style sheet of the page sets colors and strokes."""

from __future__ import annotations

from dataclasses import dataclass

from activessl.measuring.quality.calibration import Calibration

SIZE, EDGE, FOOT = 320, 52, 44


@dataclass(frozen=True, slots=True)
class Mark:
    """A bin of predictions: position, interval and tooltip."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A tick of both axes."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class CalibrationChart:
    """All coordinates of the chart."""

    size: int
    left: float
    right: float
    top: float
    bottom: float
    ticks: tuple[Step, ...]
    marks: tuple[Mark, ...]
    told: str


def draw_calibration(calibration: Calibration | None) -> CalibrationChart | None:
    """Lay out a calibration curve; None where there is none."""
    if calibration is None:
        return None
    left, right, top, bottom = float(EDGE), SIZE - 26.0, 12.0, float(SIZE - FOOT)

    def x(share: float) -> float:
        return round(left + share * (right - left), 1)

    def y(share: float) -> float:
        return round(bottom - share * (bottom - top), 1)

    marks = tuple(
        Mark(
            x(g.confidence),
            y(g.accuracy),
            y(g.low),
            y(g.high),
            f"confidence {100 * g.confidence:.0f} %: accuracy {100 * g.accuracy:.0f} % on {g.labels:,} labels",
        )
        for g in calibration.bins
    )
    ticks = tuple(Step(x(s), y(s), f"{100 * s:.0f} %") for s in (0.0, 0.25, 0.5, 0.75, 1.0))
    return CalibrationChart(SIZE, left, right, top, bottom, ticks, marks, "; ".join(m.text for m in marks))
