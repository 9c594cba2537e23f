"""Cells of a table as texts, numbers or dates; what they cannot be is never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

from activessl.pool.plain import shown

Kind = Literal["text", "number", "date"]

#: The value of an item in a column; None where it is not known.
Value: TypeAlias = "str | float | datetime | None"

#: Cells that mean "not known", in lower case. "none" is not among them: it may be an answer.
UNKNOWN = frozenset({"", "?", "nan", "na", "n/a", "null", "nat"})

#: ISO 8601, and the form that cameras write: other forms have days and months in an unknown order.
_DATE = re.compile(r"(\d{4})([-:])(\d\d)\2(\d\d)(?:$|[ T])")

#: Numbers in plain digits. A leading zero, as in the code "007", makes a text.
_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def typed(cells: Sequence[Any]) -> tuple[Kind, tuple[Value, ...]] | None:
    """The values of a column, all of one kind; None if a cell holds several values, or bytes.

    They are numbers if each cell that is known is a number, dates if each is a date, else texts.

    Example:
        >>> typed(["3", "", "4.5"])
        ('number', (3.0, None, 4.5))
        >>> typed(["007", "12"]), typed([1, "b", None])
        (('text', ('007', '12')), ('text', ('1', 'b', None)))
        >>> typed(["2026-03-01", "2026:04:01 10:00:00"])[0]
        'date'
    """
    if any(isinstance(cell, (list, tuple, dict, set, bytes, bytearray)) for cell in cells):
        return None
    known = [None if unknown(cell) else cell for cell in cells]
    for kind, read in (("number", _number), ("date", _date)):
        values = [None if cell is None else read(cell) for cell in known]
        if any(cell is not None for cell in known) and all(
            (value is None) == (cell is None) for value, cell in zip(values, known, strict=True)
        ):
            return kind, tuple(values)  # type: ignore[return-value]  # the kinds are literals above
    return "text", tuple(None if cell is None else plain(cell) for cell in known)


def unknown(cell: Any) -> bool:
    """Whether a cell says nothing."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in UNKNOWN


def plain(cell: Any) -> str:
    """A cell as text on one line, with control characters as ``\\xNN``: a terminal would obey them.

    Example:
        >>> plain(" line\\x1b[2J "), plain(2.0), plain(True)
        ('line\\\\x1b[2J', '2', 'True')
    """
    if isinstance(cell, float):
        return f"{cell:.12g}"
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()
    text = str(cell).strip()
    return shown(_CONTROL.sub(lambda found: " " if found[0] in "\t\r\n" else f"\\x{ord(found[0]):02x}", text))


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float)):
        try:
            return float(cell)
        except OverflowError:
            return None
    text = str(cell).strip()
    if not isinstance(cell, str) or not _NUMBER.fullmatch(text):
        return None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _date(cell: Any) -> datetime | None:
    """A date, at the time of day that is written, without its time zone."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)
    text = cell.strip() if isinstance(cell, str) else ""
    if not (start := _DATE.match(text)):
        return None
    try:
        return datetime.fromisoformat(f"{start[1]}-{start[3]}-{start[4]}{text[10:]}").replace(tzinfo=None)
    except ValueError:
        return None
