"""The ``.ts`` files of aeon and sktime, from their documentation: a header of ``@`` lines, then a line for each series.

Names of classes keep their case, which aeon's own reader and writer do not: there "A" and "a" are one class.
"""

from __future__ import annotations

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
    header: dict[str, list[str]] = {}
    lines = text.splitlines()
    start = None
    for place, line in enumerate(lines):
        words = line.split()
        if not words or line.lstrip().startswith(("#", "%")):
            continue
        if words[0].lower() == "@data":
            start = place + 1
            break
        if not words[0].startswith("@"):
            raise PoolError(f"line {place + 1} is before @data, and no header line", hint="export the file again")
        header[words[0].lower()] = words[1:]
    if start is None:
        raise PoolError("file has no line @data: it is cut off, or no .ts file", hint="export the file again")
    if _is_set(header, "@targetlabel"):
        raise PoolError("file has a number to predict for each series, not a class", hint="give a file with classes")
    classes, named = header.get("@classlabel", []), _is_set(header, "@classlabel")
    series: list[Array] = []
    labels: list[str | None] = []
    for place, line in enumerate(lines[start:], start=start + 1):
        if not line.strip() or line.lstrip().startswith(("#", "%")):
            continue
        parts = line.strip().split(":")
        if named:
            label = parts.pop().strip()
            if len(classes) > 1 and label not in classes[1:]:
                raise PoolError(
                    f"line {place} has the class {label!r}, which the header does not have", hint="correct the class"
                )
            labels.append(label)
        series.append(_series(parts, f"line {place}"))
    dimensions = {len(one) for one in series}
    if len(dimensions) > 1:
        raise PoolError(f"series have {min(dimensions)} to {max(dimensions)} channels", hint="export the file again")
    if not series:
        raise PoolError("file has no series after @data", hint="export the file again")
    return SeriesRows(series, labels=list(labels) if named else None, class_names=tuple(classes[1:]) if named else ())


def _is_set(header: dict[str, list[str]], name: str) -> bool:
    return [word.lower() for word in header.get(name, [])[:1]] == ["true"]


def _series(parts: list[str], where: str) -> Array:
    if any("(" in part for part in parts):
        raise PoolError(
            f"{where} has times beside the values", hint="write the series with @timestamps false, or as CSV files"
        )
    channels = [[number(cell, where) for cell in part.split(",")] for part in parts]
    longest = max(map(len, channels), default=0)
    if not longest or any(len(channel) != longest for channel in channels):
        raise PoolError(
            f"the channels of {where} have different lengths", hint="give the channels of a series one length"
        )
    return np.array(channels)
