"""The ``.tsv`` files of the UCR archive: a line for each series, its class in the first column, no header.

Series of different length end in NaN, which are read as missing values.
"""

from __future__ import annotations

import numpy as np

from activessl.errors import PoolError
from activessl.pool.series_files.base import SeriesRows, number


def is_ucr(text: str) -> bool:
    """Whether the first line is numbers between tabs: tables of texts have a header.

    Example:
        >>> is_ucr("1\\t0.5\\tNaN\\n"), is_ucr("text\\tlabel\\n"), is_ucr("1\\n")
        (True, False, False)
    """
    cells = text.partition("\n")[0].strip().split("\t")
    try:
        return len(cells) > 2 and all(cell.strip() and float(cell) is not None for cell in cells)
    except ValueError:
        return False


def read_ucr(text: str) -> SeriesRows:
    """Read the series and their classes.

    Raises:
        PoolError: A line has another number of values, or a value that is no number.

    Example:
        >>> read_ucr("1\\t0.5\\t2\\n-1\\t1\\tNaN\\n").labels
        ['1', '-1']
    """
    series, labels = [], []
    width = None
    for place, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        label, *cells = line.rstrip("\r\n").split("\t")
        width = len(cells) if width is None else width
        if len(cells) != width:
            raise PoolError(f"line {place} has {len(cells)} values, not {width}", hint="export the file again")
        labels.append(class_of(label, place))
        series.append(np.array([[number(cell, f"line {place}") for cell in cells]]))
    return SeriesRows(series, labels=list(labels))


def class_of(cell: str, line: int) -> str:
    """The class in the first cell of a line.

    Raises:
        PoolError: It is no number.
    """
    value = number(cell, f"line {line}")
    if np.isnan(value):
        raise PoolError(f"line {line} has no class in its first column", hint="write the class as a number")
    return str(int(value)) if value == int(value) else str(value)
