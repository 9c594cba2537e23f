"""Items from one parquet file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.decoders.sounds import is_sound
from activessl.pool.describe import described
from activessl.pool.features import features_of
from activessl.pool.forms.base import Column, Form, Media
from activessl.pool.forms.registry import forms
from activessl.pool.listed_files import PATH_NAMES
from activessl.pool.plain import read_plain
from activessl.pool.pool import Item, Modality, Unreadable
from activessl.pool.rows import RowsSource
from activessl.pool.texts import EMPTY_ROW

#: Least number of row groups that are kept decompressed, and number of rows up to which more are kept: several threads
#: read forward, within a few hundred rows of each other.
_KEPT_GROUPS, _KEPT_ROWS = 2, 256

#: Columns with a meaning of their own.
_OWN = ("id", "label", "label_name", "split")


class ParquetSource(RowsSource):
    """A parquet file with a column of encoded images or sounds, or of text.

    Args:
        location: The file. Images and sounds are a column of bytes, or of structs with the fields ``bytes`` and
            ``path`` as Hugging Face writes them; where there are no bytes, the path is that of a file in the folder of
            the table, or below it. Text is the column ``text``. An optional column ``id`` names the rows; else they are
            ``NAME:ROW``.
        modality: Which form of data to read, where the file has both.

    Raises:
        PoolError: Not a parquet file, no such column, or ids that are missing or not unique.
    """

    def __init__(self, location: Path, modality: Modality | None = None) -> None:
        self._file = open_parquet(location)
        form, self._column = _choose(location, self._file, modality)
        super().__init__(location, form.name)
        held = cast(Column, form.column)
        self._decode, self._inspect = held.decode, held.inspect
        self.sample_rate = held.sample_rate
        given = None
        if "id" in self._file.schema_arrow.names:
            column = read_column(location, self._file, "id")
            if column.null_count:
                raise PoolError(f"{column.null_count} ids in {location} are empty", hint="give each item an id")
            given = np.asarray(column.to_pylist(), dtype=object)
        meta = self._file.metadata
        self._name_rows(meta.num_rows, given)
        self._starts = np.cumsum([0] + [meta.row_group(g).num_rows for g in range(meta.num_row_groups)])
        self._groups: dict[int, Any] = {}
        self._opening = Lock()  # several threads decode items

    @cached_property
    def columns(self) -> dict[str, dict[str, Any]]:
        """The further columns, read at first use: name to the value of each item.

        Columns of bytes and of several values in a row are left out; numbers that the schema names are their names.
        """
        schema = self._file.schema_arrow
        features = features_of(schema.metadata)
        classified = [name for name, feature in features.items() if feature.names and name in schema.names]
        label = classified[0] if len(classified) == 1 else "label"  # as the labels are read
        found: dict[str, dict[str, Any]] = {}
        for field in schema:
            name = field.name
            if name in (*_OWN, self._column, label) or pa.types.is_nested(field.type) or _is_binary(field.type):
                continue
            values = read_column(self._location, self._file, name).to_pylist()
            names = features[name].names if name in features else ()
            if names:
                values = [names[v] if isinstance(v, int) and 0 <= v < len(names) else None for v in values]
            found[name] = dict(zip(self._ids, values, strict=True))
        return found

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and decode one row."""
        try:
            content = self.content(item_id)
            return described(item_id, content, self._decode, self._inspect)
        except PoolError as error:
            return Unreadable(item_id, error.message)

    def read(self, item_id: str) -> Media:
        """One row as an image (h, w, c), a sound (1, samples) or a str."""
        return self._decode(self.content(item_id))

    def content(self, item_id: str) -> bytes:
        """The stored bytes of an image or a sound, or the text as UTF-8."""
        row = self._row_of(item_id)
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        try:
            value = self._group(group)[row - int(self._starts[group])].as_py()
        except (IndexError, UnicodeDecodeError) as error:
            raise PoolError(
                f"row {row:,} of {self._location} cannot be read: {error}", hint="write the file again"
            ) from None
        if isinstance(value, dict):
            value = self._beside(path) if value["bytes"] is None and (path := value.get("path")) else value["bytes"]
        if value is None:
            raise PoolError(EMPTY_ROW, hint="remove the row, or fill it")
        return value.encode("utf-8") if isinstance(value, str) else bytes(value)

    def _beside(self, name: str) -> bytes:
        """Read the file of a row that has a path without bytes; only the folder of the table was given by the user."""
        folder = self._location.resolve().parent
        try:
            path = (folder / name).resolve(strict=True)
        except (OSError, ValueError):
            path = None
        if path is None or not path.is_relative_to(folder):
            raise PoolError(
                f"row has only the path {name[:100]!r}, and no such file lies in the folder of the table",
                hint="put the files beside the table, or store their bytes in it",
            )
        return read_plain(path, name=repr(name[:100]))

    def _group(self, group: int) -> Any:
        with self._opening:
            if group not in self._groups:
                while len(self._groups) >= _KEPT_GROUPS and sum(map(len, self._groups.values())) > _KEPT_ROWS:
                    del self._groups[next(iter(self._groups))]
                try:
                    table = self._file.read_row_group(group, columns=[self._column])
                except (OSError, pa.ArrowException) as error:
                    raise PoolError(
                        f"row group {group} of {self._location} cannot be read: {error}", hint="write the file again"
                    ) from None
                self._groups[group] = table.column(self._column)
            return self._groups[group]


def open_parquet(location: Path) -> Any:
    """Open a parquet file.

    Raises:
        PoolError: Not a parquet file.
    """
    try:
        return pq.ParquetFile(location, memory_map=True)
    except (OSError, pa.ArrowException):
        raise PoolError(f"{location} is not a parquet file", hint="check the path, or write the file again") from None


def has_only_paths(location: Path) -> bool:
    """Whether a parquet file has no bytes, but a text column with a name for paths; its values are not looked at.

    Raises:
        PoolError: Not a parquet file.
    """
    schema = open_parquet(location).schema_arrow
    if any(_is_binary(field.type) for field in schema):
        return False
    return any(_is_text(field.type) and field.name.lower() in PATH_NAMES for field in schema)


def read_column(location: Path, file: Any, name: str) -> Any:
    """Read one whole column of an open parquet file.

    Raises:
        PoolError: The column cannot be read.
    """
    try:
        return file.read(columns=[name]).column(name)
    except (OSError, pa.ArrowException):
        raise PoolError(f"column {name!r} of {location} cannot be read", hint="write the file again") from None


def _choose(location: Path, file: Any, modality: Modality | None) -> tuple[Form, str]:
    schema = file.schema_arrow
    kinds = {field.name: _kind(location, file, field.name) for field in schema if _is_binary(field.type)}
    texts = [field.name for field in schema if _is_text(field.type)]
    held: dict[Modality, tuple[Form, str]] = {}
    for form in forms():
        if form.column is None:
            continue
        binary = [name for name, kind in kinds.items() if form.column.holds in (None, kind)]
        if (column := form.column.choose(texts, binary)) is not None:
            held[form.name] = (form, column)
    if not held:
        raise PoolError(
            f"{location} has no column of items; it has {listed(schema.names) if schema.names else 'no columns'}",
            hint="give the column of texts the name 'text', or store encoded images in a column of bytes",
        )
    chosen = modality or next(iter(held))
    if chosen not in held:
        raise PoolError(
            f"{location} holds {', '.join(held)}, not {chosen}", hint=f"set the modality to {' or '.join(held)}"
        )
    return held[chosen]


def _kind(location: Path, file: Any, name: str) -> str:
    """What a column of bytes holds, "Image" or "Audio": as its schema says, else by the first bytes of the files."""
    told = features_of(file.schema_arrow.metadata).get(name)
    if told is not None and told.kind in ("Image", "Audio"):
        return told.kind
    for group in range(min(1, file.metadata.num_row_groups)):
        try:
            found = file.read_row_group(group, columns=[name]).column(name)
        except (OSError, pa.ArrowException):
            raise PoolError(f"column {name!r} of {location} cannot be read", hint="write the file again") from None
        for value in found:
            row = value.as_py()
            content, path = (row.get("bytes"), row.get("path")) if isinstance(row, dict) else (row, None)
            if content is not None or path is not None:
                return "Audio" if is_sound(content or b"", str(path or "")) else "Image"
    return "Image"


def _is_binary(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return at >= 0 and _is_binary(kind.field(at).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
