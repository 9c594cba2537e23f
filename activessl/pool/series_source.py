"""Series, or vectors, from one file with many of them: ``.ts``, ``.tsv`` of UCR, ``.arff``, and tables of numbers."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.columns import Columns
from activessl.pool.forms.base import Media
from activessl.pool.plain import MOST_TABLE, read_plain
from activessl.pool.pool import Item, Modality, Unreadable
from activessl.pool.rows import RowsSource
from activessl.pool.series_files.arff import read_arff
from activessl.pool.series_files.base import Array, SeriesRows
from activessl.pool.series_files.large import is_large, read_large
from activessl.pool.series_files.tables import read_table_of_series
from activessl.pool.series_files.ts import read_ts
from activessl.pool.series_files.ucr import is_ucr, read_ucr

#: Suffixes of files that are series whatever else is said.
SERIES_FILES = (".ts", ".arff")


class SeriesFileSource(RowsSource):
    """A file with many series, or with many vectors.

    Args:
        location: A ``.ts``, a ``.tsv`` of the UCR archive, an ``.arff``; or the table in ``table``.
        modality: "series", or "vector" for the rows of a table or an ARFF file.
        table: The columns of a table that was read already.

    Raises:
        PoolError: The file cannot be read, or is of another form of data.
    """

    def __init__(self, location: Path, modality: Modality | None = None, table: Columns | None = None) -> None:
        if modality not in (None, "series", "vector"):
            raise PoolError(f"{location} holds series, not {modality}", hint="set the modality to series")
        super().__init__(location, modality or "series")
        try:
            rows = read_table_of_series(table) if table is not None else _read(location)
            few = rows.series if isinstance(rows.series, list) else rows.series[:1]
        except PoolError as error:
            raise PoolError(f"{location} cannot be read: {error.message}", hint=error.hint) from None
        self._rows = rows
        if self._modality == "vector" and any(len(one) != 1 or rows.steps for one in few):
            raise PoolError(f"{location} has several channels or times in a row", hint="set the modality to series")
        self._name_rows(len(rows.series), None if rows.ids is None else np.asarray(rows.ids, dtype=object))
        self.stored_labels, self.stored_split, self.class_names = rows.labels, rows.split, rows.class_names
        #: The further columns, such as ``group``: name to the value of each item.
        self.columns: dict[str, dict[str, Any]] = {
            name: dict(zip(self._ids, values, strict=True)) for name, values in rows.columns.items()
        }

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and check one series."""
        row, rows = self._row_of(item_id), self._rows
        try:
            values = self._values(item_id)
        except PoolError as error:  # of a large file, a row is parsed only now
            return Unreadable(item_id, error.message)
        if np.isinf(values).any():
            return Unreadable(item_id, "contains infinity")
        missing = int(np.isnan(values).sum())
        if missing == values.size or (missing and self._modality == "vector"):
            return Unreadable(item_id, "contains only NaN" if missing == values.size else "contains NaN")
        told = tuple(rows.remarks[row]) if rows.remarks else ()
        if missing and not told:
            told = ("values are missing",)
        digest = hashlib.sha256(f"{values.shape}".encode() + values.tobytes()).hexdigest()
        step = rows.steps[row] if rows.steps else None
        return Item(item_id, digest, values.shape, rows.channels, told, step)

    def read(self, item_id: str) -> Media:
        """One series (channels, time), or one vector (d,)."""
        return self._values(item_id)

    def content(self, item_id: str) -> bytes:
        """The npy bytes of one series."""
        buffer = io.BytesIO()
        np.save(buffer, self._values(item_id), allow_pickle=False)
        return buffer.getvalue()

    def _values(self, item_id: str) -> Array:
        values = np.ascontiguousarray(self._rows.series[self._row_of(item_id)], dtype=np.float32)
        return values[0] if self._modality == "vector" else values


def is_series_file(location: Path) -> bool:
    """Whether a file holds many series by its suffix, or is a ``.tsv`` as the UCR archive has them."""
    suffix = location.suffix.lower()
    if suffix != ".tsv":
        return suffix in SERIES_FILES
    try:
        with location.open("rb") as file:
            return is_ucr(file.readline(10_000_000).decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return False


def _read(location: Path) -> SeriesRows:
    if is_large(location) and location.suffix.lower() != ".arff":
        return read_large(location)
    try:
        text = read_plain(location, MOST_TABLE).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PoolError("file is not UTF-8", hint="save it again as UTF-8") from None
    return {".ts": read_ts, ".arff": read_arff}.get(location.suffix.lower(), read_ucr)(text)
