"""ARFF files of Weka, through SciPy: a row for each series, the class as a nominal attribute."""

from __future__ import annotations

import io
import re

import numpy as np

from activessl.errors import PoolError
from activessl.pool.series_files.base import SeriesRows

_RELATIONAL = re.compile(r"^\s*@attribute\s+\S+\s+relational", re.IGNORECASE | re.MULTILINE)


def read_arff(text: str) -> SeriesRows:
    """Read the series and their classes; numeric attributes are the values in time.

    Raises:
        PoolError: It is no ARFF file, has several channels, or not one nominal attribute.
    """
    if _RELATIONAL.search(text):
        raise PoolError("ARFF file has several channels, which SciPy does not read", hint="convert it to a .ts file")
    from scipy.io import arff

    try:
        data, meta = arff.loadarff(io.StringIO(text))
    except Exception as error:  # noqa: BLE001  a damaged file may raise anything
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PoolError(f"file is not ARFF that can be read: {why[:200]}", hint="export it again") from None
    kinds = {name: meta[name][0] for name in meta.names()}
    numeric = [name for name, kind in kinds.items() if kind in ("numeric", "real", "integer")]
    nominal = [name for name, kind in kinds.items() if kind == "nominal"]
    if not numeric or len(nominal) > 1 or len(numeric) + len(nominal) < len(kinds):
        raise PoolError(
            f"ARFF file has {len(numeric)} numeric and {len(nominal)} nominal of {len(kinds)} attributes",
            hint="keep the values and at most one class",
        )
    values = np.array([data[name] for name in numeric], dtype=np.float64).T
    labels, names = None, ()
    if nominal:
        # a missing class is a question mark
        found = [value.decode() for value in data[nominal[0]].tolist()]
        labels = [None if value == "?" else value for value in found]
        names = tuple(meta[nominal[0]][1])
    return SeriesRows([row[None] for row in values], labels=labels, class_names=names)
