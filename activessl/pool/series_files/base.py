"""What a file with many series holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from activessl.errors import PoolError

Array = np.ndarray[Any, np.dtype[Any]]

#: Cells without a value.
MISSING = frozenset({"", "?", "nan", "na", "null", "none"})


@dataclass(frozen=True)
class SeriesRows:
    """The series of a file, in its order.

    Attributes:
        series: (channels, time) of each, float64; NaN where a value is missing.
        ids: The ids that the file gives; None for running numbers.
        channels: The names of the channels; empty without names.
        steps: The time from value to value of each; empty if it is not known.
        remarks: What a reader would not expect of how each was read; empty if nothing.
        labels: The class of each, as the file writes it, None where it has none; None if the file has no classes.
        split: The part of each, such as "train"; None if the file has no parts.
        class_names: The classes that the file declares, in its order; empty if it declares none.
        columns: The further columns, by name, with a value for each series.
    """

    series: Sequence[Array]
    ids: list[str] | None = None
    channels: tuple[str, ...] = ()
    steps: Sequence[float | None] = ()
    remarks: Sequence[tuple[str, ...]] = ()
    labels: list[Any] | None = None
    split: list[Any] | None = None
    class_names: tuple[str, ...] = ()
    columns: dict[str, list[Any]] = field(default_factory=dict)


def number(cell: str, where: str) -> float:
    """The number in a cell, NaN where a value is missing.

    Raises:
        PoolError: It is something else.
    """
    plain = cell.strip()
    if plain.lower() in MISSING:
        return np.nan
    try:
        return float(plain)
    except ValueError:
        raise PoolError(f"{where}: {plain[:40]!r} is not a number", hint="correct the value, or empty it") from None
