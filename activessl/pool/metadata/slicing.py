"""The slices of a column: its values, ranges of numbers, or spans of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from activessl.pool.metadata.base import Column
from activessl.pool.metadata.cells import plain

#: The slices of items without a value, and of the rarer values.
NOT_KNOWN, OTHERS = "not known", "other values"

#: Most slices of a column: with more values, the rarest are one slice. With more, the table would not be read.
MOST = 20
#: Numbers with at most so many values are codes, such as the number of a camera; with more they are ranges.
MOST_CODES = 12
#: Ranges of numbers, each with about as many items.
RANGES = 4

_LONGEST = 60
#: Spans of time from the longest to the shortest.
_SPANS: tuple[str, ...] = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H h")


@dataclass(frozen=True)
class Slicing:
    """The slices of one column.

    Attributes:
        column: The name of the column.
        names: (s,) the name of each slice: numbers and dates ascending, texts from the most common to the rarest.
        of: (n,) the slice of each item, as an index into ``names``.
        remark: What a reader would not expect, such as that rare values are one slice; empty if nothing.
    """

    column: str
    names: tuple[str, ...]
    of: Int[np.ndarray, " n"]
    remark: str = ""


def sliced(column: Column) -> Slicing:
    """Divide the items by the values of a column.

    Example:
        >>> found = sliced(Column("camera", "text", ("b", "a", None, "b")))
        >>> found.names, found.of.tolist()
        (('b', 'a', 'not known'), [0, 1, 2, 0])
        >>> sliced(Column("age", "number", tuple(map(float, range(20, 60))))).names
        ('up to 29', 'above 29, up to 39', 'above 39, up to 49', 'above 49')
    """
    known = [value for value in column.values if value is not None]
    remark = ""
    if column.kind == "number" and len(set(known)) > MOST_CODES:
        names, place = _ranges([float(value) for value in known if isinstance(value, float)])
    elif column.kind == "date":
        span = _span([value for value in known if isinstance(value, datetime)])
        labels = [span(value) for value in known if isinstance(value, datetime)]
        names, place, remark = _common(labels, sorted(set(labels)))
    else:
        texts = [plain(value) for value in known]
        count = Counter(texts)
        order = sorted(count, key=lambda text: (-count[text], text))
        if column.kind == "number":
            order = [plain(value) for value in sorted(set(known))]
        names, place, remark = _common(texts, order)
    # a value may be called like a slice of ours, and long values may begin alike
    names = _different([_short(name) for name in names])
    of = np.full(len(column.values), -1, dtype=np.int64)
    of[[value is not None for value in column.values]] = place
    if len(known) < len(column.values):
        of[of < 0] = len(names)
        names = _different([*names, NOT_KNOWN])
    return Slicing(column.name, tuple(names), of, remark)


def _common(texts: Sequence[str], order: Sequence[str]) -> tuple[list[str], Int[np.ndarray, " m"], str]:
    """A slice for each text in this order; of very many the most common ones, and one slice of the others."""
    names, remark = list(order), ""
    if len(order) > MOST:
        count = Counter(texts)
        kept = set(sorted(order, key=lambda text: (-count[text], text))[: MOST - 1])
        names = [text for text in order if text in kept]
        remark = f"{len(order) - len(names):,} rarer values are one slice"
    place = {name: i for i, name in enumerate(names)}
    found = np.array([place.get(text, len(names)) for text in texts], dtype=np.int64)
    return ([*names, OTHERS] if remark else names), found, remark


def _ranges(values: Sequence[float]) -> tuple[list[str], Int[np.ndarray, " m"]]:
    """Ranges with about as many items each; the edges are the shortest numbers that divide the items so."""
    x = np.asarray(values)
    there = np.unique(x)
    at = np.unique(np.searchsorted(there, np.quantile(x, np.arange(1, RANGES) / RANGES, method="lower")))
    words = [_between(float(there[i]), float(there[i + 1])) for i in at if i + 1 < len(there)]
    middle = [f"above {low}, up to {high}" for low, high in pairwise(words)]
    place = np.searchsorted(np.array([float(word) for word in words]), x, side="left")
    return [f"up to {words[0]}", *middle, f"above {words[-1]}"], place


def _between(low: float, high: float) -> str:
    """The shortest number from ``low`` on, below ``high``."""
    short = (f"{low:.{digits}g}" for digits in range(1, 17))
    return next((text for text in short if low <= float(text) < high), repr(low))


def _span(values: Sequence[datetime]) -> Callable[[datetime], str]:
    """Months; years where there would be too many of them, days or hours where there is only one."""

    def count(form: str) -> int:
        return len({value.strftime(form) for value in values})

    year, month, day, hour = _SPANS
    if count(month) > MOST:
        form = year
    elif count(month) > 1:
        form = month
    else:
        form = day if count(day) > 1 else hour
    return lambda value: value.strftime(form)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _different(names: Sequence[str]) -> list[str]:
    """The names, numbered where two are equal."""
    found: list[str] = []
    seen = set(names)
    for name in names:
        new, number = name, 2
        while new in found:
            new, number = f"{name} ({number})", number + 1
            while new in seen:
                new, number = f"{name} ({number})", number + 1
        found.append(new)
    return found
