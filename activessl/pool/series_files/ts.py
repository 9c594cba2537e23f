"""The ``.ts`` files of aeon and sktime, from their documentation: a header of ``@`` lines, then a line for each series.

Names of classes keep their case, which aeon's own reader and writer do not: there "A" and "a" are one class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from activessl.errors import PoolError
from activessl.pool.series_files.base import Array, SeriesRows, number


def read_ts(text: str) -> SeriesRows:
    """Read the series and the classes.

    Raises:
        PoolError: There is no ``@data``, times instead of values, or a line does not fit.

    Example:
        >>> found = read_ts("@classLabel true A a\\n@data\\n1,2,?:3,4,5:A\\n")
        >>> found.series[0].tolist(), found.labels
        ([[1.0, 2.0, nan], [3.0, 4.0, 5.0]], ['A'])
    """
    lines = text.splitlines()
    above: list[tuple[int, str]] = []
    for place, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith(("#", "%")):
            above.append((place, line))
            if line.split()[0].lower() == "@data":
                break
    about = header_of(above)
    start = above[-1][0]
    series: list[Array] = []
    labels: list[str | None] = []
    for place, line in enumerate(lines[start:], start=start + 1):
        if not line.strip() or line.lstrip().startswith(("#", "%")):
            continue
        parts = line.strip().split(":")
        if about.named:
            labels.append(label_of(parts.pop(), about, place))
        series.append(series_of(parts, f"line {place}", _numbers))
    dimensions = {len(one) for one in series}
    if len(dimensions) > 1:
        raise PoolError(f"series have {min(dimensions)} to {max(dimensions)} channels", hint="export the file again")
    if not series:
        raise PoolError("file has no series after @data", hint="export the file again")
    return SeriesRows(
        series, labels=list(labels) if about.named else None, class_names=about.classes if about.named else ()
    )


class Header(NamedTuple):
    """What the header of a ``.ts`` says: whether lines end in a class, and the classes."""

    named: bool
    classes: tuple[str, ...]


def header_of(lines: Sequence[tuple[int, str]]) -> Header:
    """Read the lines of a header, up to ``@data``, each with its number.

    Raises:
        PoolError: There is no ``@data``, another line before it, or a number to predict instead of a class.
    """
    header: dict[str, list[str]] = {}
    for place, line in lines:
        words = line.split()
        if not words[0].startswith("@"):
            raise PoolError(f"line {place} is before @data, and no header line", hint="export the file again")
        header[words[0].lower()] = words[1:]
    if "@data" not in header:
        raise PoolError("file has no line @data: it is cut off, or no .ts file", hint="export the file again")
    if _is_set(header, "@targetlabel"):
        raise PoolError("file has a number to predict for each series, not a class", hint="give a file with classes")
    return Header(_is_set(header, "@classlabel"), tuple(header.get("@classlabel", [])[1:]))


def label_of(text: str, about: Header, place: int) -> str:
    """The class at the end of a line.

    Raises:
        PoolError: The header does not have it.
    """
    label = text.strip()
    if about.classes and label not in about.classes:
        raise PoolError(
            f"line {place} has the class {label!r}, which the header does not have", hint="correct the class"
        )
    return label


def _is_set(header: dict[str, list[str]], name: str) -> bool:
    return [word.lower() for word in header.get(name, [])[:1]] == ["true"]


def _numbers(cells: Sequence[str], where: str) -> Array:
    return np.array([number(cell, where) for cell in cells])


def series_of(parts: Sequence[str], where: str, numbers: Callable[[Sequence[str], str], Array]) -> Array:
    """The series (channels, time) in a line without its class.

    Args:
        parts: The channels.
        where: The line, for messages.
        numbers: Reads the values of a channel.

    Raises:
        PoolError: It has times, a value that is no number, or channels of different length.
    """
    if any("(" in part for part in parts):
        raise PoolError(
            f"{where} has times beside the values", hint="write the series with @timestamps false, or as CSV files"
        )
    channels = [numbers(part.split(","), where) for part in parts]
    longest = max(map(len, channels), default=0)
    if not longest or any(len(channel) != longest for channel in channels):
        raise PoolError(
            f"the channels of {where} have different lengths", hint="give the channels of a series one length"
        )
    return np.array(channels)
