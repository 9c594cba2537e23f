"""Coordinates of the learning curves; the style sheet of the page sets colors and strokes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from activessl.measuring.savings.savings import Savings

#: What the horizontal axis counts.
Along = Literal["labels", "hours", "minutes"]
#: Smallest vertical distance between the names of two lines.
NAME_GAP = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a chart, and its margins.

    Attributes:
        width: Of all, as the other numbers in units that are a pixel where the chart is not scaled.
        height: Of all.
        left: Margin with the heights.
        right: Margin with the names of the lines, where there is room for them.
        top: Margin.
        bottom: Margin with the axis.
    """

    width: int
    height: int
    left: int
    right: int
    top: int = 18
    bottom: int = 48


#: For pages as wide as a desk, with the names at the ends of the lines; and for phones, with the names below.
WIDE, NARROW = Frame(760, 380, 56, 150), Frame(320, 260, 54, 14)


@dataclass(frozen=True, slots=True)
class Line:
    """One learning curve with its band.

    Attributes:
        name: Shown name, such as "max_herding".
        role: "ours", the "baseline", or "other".
        labels: Label counts, or hours, ascending.
        mean: Accuracy at each, in [0, 1].
        low: Lower ends of the band; empty for a line without one.
        high: Upper ends of the band; empty for a line without one.
        band: Meaning of the band, shown above the chart.
    """

    name: str
    role: Literal["ours", "baseline", "other"]
    labels: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    band: str = "90 % interval of the mean"


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of an axis: position and text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A line of the chart.

    Attributes:
        name: Shown at the end of the line.
        role: Sets the CSS class.
        path: SVG path of the line.
        band: SVG path of the interval; empty for none.
        points: (x, y, tooltip) of each label count.
        name_at: (x, y) of the name.
    """

    name: str
    role: str
    path: str
    band: str
    points: tuple[tuple[float, float, str], ...]
    name_at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gap:
    """The saving in the chart: the target accuracy, and the label counts at which the lines reach it.

    Attributes:
        y: Height of the target.
        ours: x where our line reaches the target.
        baseline: x where the baseline reaches the target, or the end of the axis.
        text: Shown above the gap.
        text_at: x of the middle of the text, far enough from the edges.
    """

    y: float
    ours: float
    baseline: float
    text: str
    text_at: float


@dataclass(frozen=True, slots=True)
class Chart:
    """All coordinates of the chart."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]
    traces: tuple[Trace, ...]
    gap: Gap | None
    summary: str
    unit: Along = "labels"


def draw(
    lines: Sequence[Line], savings: Savings | None, along: Literal["labels", "hours"] = "labels", frame: Frame = WIDE
) -> Chart | None:
    """Lay out learning curves; None without any.

    Args:
        lines: The curves.
        savings: The saving in labels that is drawn between them; None for none.
        along: What ``Line.labels`` counts. Hours are drawn as minutes, if all curves end before two hours.
        frame: The size.

    Example:
        >>> chart = draw([Line("ours", "ours", (10, 20), (0.5, 0.75))], None)
        >>> [tick.text for tick in chart.ys]
        ['50 %', '55 %', '60 %', '65 %', '70 %', '75 %']
    """
    lines = [line for line in lines if line.labels]
    if not lines:
        return None
    unit: Along = along
    if along == "hours" and max(line.labels[-1] for line in lines) < 2:
        unit, lines = "minutes", [replace(line, labels=tuple(60 * c for c in line.labels)) for line in lines]
    counts = [c for line in lines for c in line.labels]
    heights = [v for line in lines for v in (*line.mean, *line.low, *line.high)]
    x0, x1 = float(min(counts)), float(max(counts))
    if x1 == x0:
        x0, x1 = (x0 - 1, x1 + 1) if along == "labels" else (0.9 * x0, 1.1 * x1 + 1e-6)
    y_ticks = nice_ticks(min(heights), max(heights), 5)
    y0, y1 = y_ticks[0], y_ticks[-1]

    def x(count: float) -> float:
        return round(frame.left + (count - x0) / (x1 - x0) * (frame.width - frame.left - frame.right), 1)

    def y(share: float) -> float:
        return round(frame.top + (y1 - share) / (y1 - y0) * (frame.height - frame.top - frame.bottom), 1)

    order = {"other": 0, "baseline": 1, "ours": 2}  # ours is drawn last, on top
    lines = sorted(lines, key=lambda line: order[line.role])
    ends = _apart([y(line.mean[-1]) for line in lines], frame.height - frame.bottom)
    traces = tuple(
        Trace(
            name=line.name,
            role=line.role,
            path=_path([(x(c), y(v)) for c, v in zip(line.labels, line.mean, strict=True)]),
            band=_band(
                [(x(c), y(v)) for c, v in zip(line.labels, line.high, strict=True)],
                [(x(c), y(v)) for c, v in zip(line.labels, line.low, strict=True)],
            )
            if line.low and line.high
            else "",
            points=tuple(
                (x(c), y(v), f"{line.name}: {100 * v:.1f} % at {_many(c, unit)}")
                for c, v in zip(line.labels, line.mean, strict=True)
            ),
            name_at=(x(line.labels[-1]) + 10, ends[i] + 4),
        )
        for i, line in enumerate(lines)
    )
    steps = [t for t in nice_ticks(x0, x1, 6 if frame.width > 500 else 4) if x0 <= t <= x1]
    if along == "labels":
        xs = tuple(Tick(x(t), f"{t:,.0f}") for t in steps if float(t).is_integer())
    else:
        xs = tuple(Tick(x(t), f"{t:g}") for t in steps)
    digits = 0 if all(abs(100 * t - round(100 * t)) < 1e-6 for t in y_ticks) else 1
    ys = tuple(Tick(y(t), f"{100 * t:.{digits}f} %") for t in y_ticks)
    return Chart(
        frame.width,
        frame.height,
        frame.left,
        frame.width - frame.right,
        frame.top,
        frame.height - frame.bottom,
        xs,
        ys,
        traces,
        _gap(savings, x, y, frame),
        _told(lines, unit),
        unit,
    )


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers that cover a range in about ``about`` steps.

    Example:
        >>> nice_ticks(0.53, 0.96, 5)
        [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    """
    if high <= low:
        low, high = low - 0.05, high + 0.05
    rough = (high - low) / about
    power = 10 ** np.floor(np.log10(rough))
    step = float(power * min((1, 2, 2.5, 5, 10), key=lambda s: abs(s * power - rough)))
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return [round(float(i * step), 10) for i in np.arange(first, last + 1)]


def _gap(savings: Savings | None, x: Callable[[float], float], y: Callable[[float], float], frame: Frame) -> Gap | None:
    if savings is None or savings.labels is None or savings.saved is None or savings.saved <= 0:
        return None
    end = savings.baseline_labels if savings.baseline_labels is not None else float(savings.budget)
    sign = "≥ " if savings.kind == "at_least" else ""
    middle = min(max((x(savings.labels) + x(end)) / 2, frame.left + 75), frame.width - max(frame.right + 40, 75))
    return Gap(y(savings.target), x(savings.labels), x(end), f"{sign}{100 * savings.saved:.0f} % fewer labels", middle)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{a:g} {b:g}" for a, b in points)


def _band(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    return _path([*upper, *reversed(lower)]) + " Z"


def _apart(wanted: Sequence[float], lowest: float) -> list[float]:
    """Move heights as little as needed so that names do not overlap, and none is below the axis."""
    order = np.argsort(wanted)
    placed = np.array(wanted, dtype=float)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + NAME_GAP)
    over = placed.max() - lowest if len(placed) else 0.0
    if over > 0:
        placed -= over
    return [round(float(p), 1) for p in placed]


def _many(count: float, unit: Along) -> str:
    if unit == "hours":
        return f"{count:,.2f} hours"
    return f"{count:,.0f} labels" if unit == "labels" else f"{count:,.1f} minutes"


def _told(lines: Sequence[Line], unit: Along) -> str:
    """Describe the chart in words, for screen readers."""
    return " ".join(
        f"{line.name} goes from {100 * line.mean[0]:.1f} % at {_many(line.labels[0], unit)} "
        f"to {100 * line.mean[-1]:.1f} % at {_many(line.labels[-1], unit).split()[0]}."
        for line in reversed(list(lines))
    )
