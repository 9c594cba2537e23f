"""Decode a CSV file to a series: one column per sensor, one line per time step."""

from __future__ import annotations

import csv

import numpy as np
from jaxtyping import Float

from activessl.errors import PoolError
from activessl.pool.forms.base import Reading
from activessl.pool.separated import delimiter_of, lines_of

#: Names of columns that hold times, not values.
_TIME = frozenset({"time", "timestamp", "datetime", "date", "t", "index", ""})
_MISSING = frozenset({"", "nan", "na", "null", "none"})


def decode_series(content: bytes) -> Float[np.ndarray, "c t"]:
    """Decode a table of numbers.

    Args:
        content: The bytes of the file, in UTF-8. Columns are separated by the comma, semicolon or tab, whichever is the
            most frequent in the first line. A first line with anything else than numbers is the header; a column
            named ``time``, ``timestamp``, ``datetime``, ``date``, ``t``, ``index`` or without a name is left out.
            With semicolons or tabs, numbers may have a decimal comma.

    Returns:
        (channels, time) float32; NaN where a cell is empty, or is "nan", "na", "null" or "none".

    Raises:
        PoolError: Not UTF-8, lines of different length, cells that are not numbers, infinity, or no values.

    Example:
        >>> decode_series(b"time,x,y\\n0,1,2\\n1,,4\\n").tolist()
        [[1.0, nan], [2.0, 4.0]]
    """
    return np.asarray(read_recording(content).media)


def read_recording(content: bytes) -> Reading:
    """Decode a table of numbers as ``decode_series`` does, with the names of its channels, in the order of the file.

    Raises:
        PoolError: As ``decode_series``.

    Example:
        >>> read_recording(b"time,x,y\\n0,1,2\\n").channels
        ('x', 'y')
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("series file is not UTF-8", hint="save it again as UTF-8") from None
    delimiter = delimiter_of(text)
    try:
        table = list(lines_of(text, delimiter))
    except csv.Error as error:
        raise PoolError(f"series file is not valid CSV: {error}", hint="save it again as CSV") from None
    if not table:
        raise PoolError("series file has no lines", hint="remove the file, or add values")

    point = delimiter != ","  # then the comma is the decimal separator
    first = [cell.strip() for cell in table[0][1]]
    named = any(_number(cell, comma=point) is None for cell in first)
    kept = [i for i, name in enumerate(first) if not (named and name.lower() in _TIME)]
    values = np.empty((len(table) - named, len(kept)), dtype=np.float64)
    for at, (line, row) in enumerate(table[1:] if named else table):
        if len(row) != len(first):
            raise PoolError(
                f"line {line} has {len(row)} columns, not {len(first)}",
                hint="give each line the same number of columns",
            )
        for to, i in enumerate(kept):
            number = _number(row[i].strip(), comma=point)
            if number is None:
                raise PoolError(f"line {line}: {row[i][:40]!r} is not a number", hint="correct the cell, or empty it")
            values[at, to] = number
    if (np.abs(values) > np.finfo(np.float32).max).any():  # or a value that becomes infinite as float32
        raise PoolError("series file contains infinity", hint="empty the cells with infinity")
    if not values.size or np.isnan(values).all():
        raise PoolError("series file has no values", hint="remove the file, or add values")
    channels = tuple(first[i] for i in kept) if named else ()
    return Reading(np.ascontiguousarray(values.T, dtype=np.float32), channels)


def _number(cell: str, *, comma: bool) -> float | None:
    """The number in a cell, NaN for a missing value; None where the cell is not a number."""
    if cell.lower() in _MISSING:
        return np.nan
    try:
        return float(cell.replace(",", ".") if comma else cell)
    except ValueError:
        return None
