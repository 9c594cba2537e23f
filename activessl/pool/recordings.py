"""Bytes of a CSV file of one recording -> a series: a column for each sensor, a line for each moment."""

from __future__ import annotations

import csv

import numpy as np
from jaxtyping import Float

from activessl.errors import PoolError
from activessl.pool.separated import delimiter_of, lines_of

#: Columns that say when, not what.
_TIME = frozenset({"time", "timestamp", "datetime", "date", "t", "index", ""})
_MISSING = frozenset({"", "nan", "na", "null", "none"})


def decode_series(content: bytes) -> Float[np.ndarray, "c t"]:
    """Decode a table of numbers.

    Args:
        content: The bytes of the file, in UTF-8; columns separated by commas, semicolons or tabs, whatever its first
            line has most of. Where that line holds other things than numbers it names the columns, and one that is
            called ``time``, ``timestamp``, ``datetime``, ``date``, ``t``, ``index`` or nothing is left out. With
            semicolons or tabs numbers may have a decimal comma.

    Returns:
        (channels, time) float32; NaN where a cell is empty or says so.

    Raises:
        PoolError: Not UTF-8, lines of different length, cells that are no numbers, infinity, or no values.

    Example:
        >>> decode_series(b"time,x,y\\n0,1,2\\n1,,4\\n").tolist()
        [[1.0, nan], [2.0, 4.0]]
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("a recording that is not UTF-8", hint="save it again as UTF-8") from None
    delimiter = delimiter_of(text)
    try:
        table = list(lines_of(text, delimiter))
    except csv.Error as error:
        raise PoolError(str(error), hint="write it again as a CSV") from None
    if not table:
        raise PoolError("a recording without lines", hint="drop the file, or fill it")

    point = delimiter != ","  # then a comma is a decimal one
    first = [cell.strip() for cell in table[0][1]]
    named = any(_number(cell, comma=point) is None for cell in first)
    kept = [i for i, name in enumerate(first) if not (named and name.lower() in _TIME)]
    values = np.empty((len(table) - named, len(kept)), dtype=np.float64)
    for at, (line, row) in enumerate(table[1:] if named else table):
        if len(row) != len(first):
            raise PoolError(f"line {line} has {len(row)} columns, not {len(first)}", hint="write it again as a CSV")
        for to, i in enumerate(kept):
            number = _number(row[i].strip(), comma=point)
            if number is None:
                raise PoolError(f"line {line}: {row[i][:40]!r} is no number", hint="leave the cell empty, or mend it")
            values[at, to] = number
    if (np.abs(values) > np.finfo(np.float32).max).any():  # or what becomes infinite as float32
        raise PoolError("a recording that holds infinity", hint="leave such cells empty")
    if not values.size or np.isnan(values).all():
        raise PoolError("a recording without a value", hint="drop the file, or fill it")
    return np.ascontiguousarray(values.T, dtype=np.float32)


def _number(cell: str, *, comma: bool) -> float | None:
    """What a cell says; None where it is no number."""
    if cell.lower() in _MISSING:
        return np.nan
    try:
        return float(cell.replace(",", ".") if comma else cell)
    except ValueError:
        return None
