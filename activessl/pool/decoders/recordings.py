"""Decode a CSV file to a series: one column per sensor, one line per time step."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from activessl.errors import PoolError
from activessl.pool.clock import TIMES, even, times_of
from activessl.pool.decoders.separated import delimiter_of, lines_of
from activessl.pool.forms.base import Reading

_MISSING = frozenset({"", "nan", "na", "null", "none"})
#: A line that is no data, as numpy and loggers write it.
_COMMENT = re.compile(r"^[ \t]*[#%](.*)$", re.MULTILINE)


def decode_series(content: bytes) -> Float[np.ndarray, "c t"]:
    """Decode a table of numbers.

    Args:
        content: The bytes of the file, in UTF-8. Columns are separated by the comma, semicolon or tab, whichever is the
            most frequent in the first line, else by spaces. A first line with anything else than numbers is the header;
            without one, a comment above the numbers with as many names. Other lines that begin with ``#`` or ``%`` are
            left out. A column named ``time``, ``timestamp``, ``datetime``, ``date``, ``t``, ``index`` or without a name
            is left out; its times, where they are numbers or ISO dates, decide the order of the lines and which are
            missing. With semicolons or tabs, numbers may have a decimal comma.

    Returns:
        (channels, time) float32; NaN where a cell is empty, or is "nan", "na", "null" or "none", or a line is missing.

    Raises:
        PoolError: Not UTF-8, lines of different length, cells that are not numbers, infinity, no values, times that go
            back, or a long pause.

    Example:
        >>> decode_series(b"time,x,y\\n0,1,2\\n1,,4\\n").tolist()
        [[1.0, nan], [2.0, 4.0]]
    """
    return np.asarray(read_recording(content).media)


class _Table(NamedTuple):
    """The cells of a file: names (empty without a header), cells by line, the numbers of the lines, decimal comma."""

    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    comma: bool


def read_recording(content: bytes) -> Reading:
    """Decode a table of numbers as ``decode_series`` does, with the names of its channels and its time step.

    Raises:
        PoolError: As ``decode_series``.

    Example:
        >>> found = read_recording(b"time,x,y\\n0,1,2\\n10,1,2\\n")
        >>> found.channels, found.step
        (('x', 'y'), 10.0)
    """
    table = _table(content)
    kept = [i for i, name in enumerate(table.names) if name.lower() not in TIMES]
    if not table.names:
        kept = list(range(len(table.rows[0])))
    width = len(table.names) or len(table.rows[0])
    values = np.empty((len(table.rows), len(kept)), dtype=np.float64)
    for at, (line, row) in enumerate(zip(table.lines, table.rows, strict=True)):
        if len(row) != width:
            raise PoolError(
                f"line {line} has {len(row)} columns, not {width}",
                hint="give each line the same number of columns",
            )
        for to, i in enumerate(kept):
            number = _number(row[i].strip(), comma=table.comma)
            if number is None:
                raise PoolError(f"line {line}: {row[i][:40]!r} is not a number", hint="correct the cell, or empty it")
            values[at, to] = number
    if (np.abs(values) > np.finfo(np.float32).max).any():  # or a value that becomes infinite as float32
        raise PoolError("series file contains infinity", hint="empty the cells with infinity")
    if not values.size or np.isnan(values).all():
        raise PoolError("series file has no values", hint="remove the file, or add values")

    series = np.ascontiguousarray(values.T, dtype=np.float32)
    channels = tuple(table.names[i] for i in kept) if table.names else ()
    told = {name.lower(): [row[i].strip() for row in table.rows] for i, name in enumerate(table.names) if i not in kept}
    times = times_of(told, comma=table.comma)
    if times is None:
        unread = [name for name in told if name not in ("", "index")][:1]
        why = "is neither numbers nor ISO dates: lines keep their order"
        return Reading(series, channels, tuple(f"the column {name!r} {why}" for name in unread))
    found = even(series, times, table.lines)
    return Reading(found.values, channels, found.remarks, found.step)


def _table(content: bytes) -> _Table:
    """Split a file into cells, and its header from the numbers."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("series file is not UTF-8", hint="save it again as UTF-8") from None
    above = text[: next((m.start() for m in re.finditer(r"^[ \t]*[^#%\s].*$", text, re.MULTILINE)), len(text))]
    text = _COMMENT.sub("", text)
    first = text.lstrip()
    delimiter = delimiter_of(first)
    if delimiter not in first.partition("\n")[0] and len(first.partition("\n")[0].split()) > 1:
        delimiter = " "
        text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    try:
        found = list(lines_of(text, delimiter))
    except csv.Error as error:
        raise PoolError(f"series file is not valid CSV: {error}", hint="save it again as CSV") from None
    if not found:
        raise PoolError("series file has no lines", hint="remove the file, or add values")

    comma = delimiter in ";\t"  # then the comma is the decimal separator
    names = tuple(cell.strip() for cell in found[0][1])
    if any(_number(cell, comma=comma) is None for cell in names):
        found = found[1:]
    else:
        names = _named_above(above, delimiter, len(names))
    rows = [row for _, row in found]
    if not rows:
        raise PoolError("series file has no values", hint="remove the file, or add values")
    return _Table(names, rows, [line for line, _ in found], comma)


def _named_above(comments: str, delimiter: str, width: int) -> tuple[str, ...]:
    """The names in the last comment above the numbers, where it has as many cells; none for a single column, because
    any comment has one cell."""
    last = next((m[1] for m in reversed(list(_COMMENT.finditer(comments)))), "").strip()
    cells = tuple(cell.strip() for cell in (last.split() if delimiter == " " else last.split(delimiter)))
    is_header = width > 1 and len(cells) == width and not any(mark in last for mark in ":=")
    return cells if is_header and any(_number(cell, comma=False) is None for cell in cells) else ()


def _number(cell: str, *, comma: bool) -> float | None:
    """The number in a cell, NaN for a missing value; None where the cell is not a number."""
    if cell.lower() in _MISSING:
        return np.nan
    try:
        return float(cell.replace(",", ".") if comma else cell)
    except ValueError:
        return None
