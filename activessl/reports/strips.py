"""Coordinates of series and their reconstructions; the style sheet of the page sets colors and strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 340, 64
#: Channels of a series that are drawn: more do not fit beside each other.
SHOWN_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """An item that was partly hidden from the encoder, and its reconstruction.

    Attributes:
        id: The item.
        pictures: ``data:`` URIs of the item, of its visible part, and of its reconstruction; empty for series.
        series: Values by channel and time, None where a value is missing; empty for pictures.
        hidden: Whether each time step was hidden; empty for pictures.
        drawn: Reconstruction, shaped as ``series``; None at visible time steps.
    """

    id: str
    pictures: tuple[str, ...] = ()
    series: tuple[tuple[float | None, ...], ...] = ()
    hidden: tuple[bool, ...] = ()
    drawn: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """One channel of a series.

    Attributes:
        width: Width of the drawing, in pixels.
        height: Height of the drawing, in pixels.
        line: SVG path of the values; interrupted at missing values.
        drawn: SVG path of the reconstruction.
        hidden: (x, width) of each hidden part.
    """

    width: int
    height: int
    line: str
    drawn: str
    hidden: tuple[tuple[float, float], ...]


def strips(reconstructed: Reconstructed) -> tuple[Strip, ...]:
    """Lay out the first channels of a series, each on its own scale.

    Example:
        >>> (strip,) = strips(Reconstructed("a", series=((0.0, 1.0, 0.0),), hidden=(False, True, True),
        ...                           drawn=((None, 2.0, 2.0),)))
        >>> strip.line, strip.hidden
        ('M0.0 60.0L170.0 32.0L340.0 60.0', ((85.0, 255.0),))
    """
    step = WIDTH / max(1, len(reconstructed.hidden) - 1)
    return tuple(
        _strip(values, made, reconstructed.hidden, step)
        for values, made in zip(
            reconstructed.series[:SHOWN_CHANNELS], reconstructed.drawn[:SHOWN_CHANNELS], strict=True
        )
    )


def _strip(values: Sequence[float | None], made: Sequence[float | None], hidden: Sequence[bool], step: float) -> Strip:
    numbers = [value for value in (*values, *made) if value is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    scale = (HEIGHT - 8) / (high - low) if high > low else 0.0

    def path(line: Sequence[float | None]) -> str:
        places = [
            None if v is None else f"{i * step:.1f} {HEIGHT - 4 - (v - low) * scale:.1f}" for i, v in enumerate(line)
        ]
        moves = [f"{'M' if before is None else 'L'}{here}" for before, here in pairwise([None, *places]) if here]
        return "".join(moves)

    return Strip(WIDTH, HEIGHT, path(values), path(made), _stretches(hidden, step))


def _stretches(hidden: Sequence[bool], step: float) -> tuple[tuple[float, float], ...]:
    edges = [i for i, (before, here) in enumerate(pairwise([False, *hidden, False])) if before != here]
    # half a step to either side, within the drawing
    ends = [
        (max(0.0, (a - 0.5) * step), min(float(WIDTH), (b - 0.5) * step))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]
    return tuple((round(a, 1), round(b - a, 1)) for a, b in ends)
