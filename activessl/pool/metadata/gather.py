"""All metadata of a pool, in one place: from its data, from a table beside them, from folders and from cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from activessl.errors import PoolError
from activessl.pool.addresses import Place
from activessl.pool.columns import TABLES
from activessl.pool.metadata.base import Column, Metadata
from activessl.pool.metadata.cells import plain, typed, unknown
from activessl.pool.metadata.files import are_classes, exif_columns, folder_columns
from activessl.pool.metadata.joined import join
from activessl.pool.metadata.stored import stored_columns
from activessl.pool.pool import Modality, Source
from activessl.pool.recordings.cut import place_of, recording_of
from activessl.pool.sources import CutSource, Stamped, open_source


def gather_metadata(
    location: Place,
    ids: Sequence[str],
    modality: Modality | None = None,
    *,
    table: Path | None = None,
    classes: Sequence[str] = (),
    exif: bool = False,
    source: Source | None = None,
) -> Metadata:
    """Read what is known of items beside their content. The items are not decoded.

    What is known of a recording is known of each of its windows.

    Columns of the data come first, then those of the table, folders, and EXIF. Columns of labels, of parts of the data
    and of texts that describe no slice keep a note, and are not reported on.

    Args:
        location: The data, as for ``open_source``; where they do not exist, only table and folders are read.
        ids: The items, in the order of the values.
        modality: As for ``open_source``.
        table: A table of metadata; see :func:`activessl.pool.metadata.joined.join`.
        classes: The classes of the project: a column with these values is a label.
        exif: Whether the beginning of each image on the disk is read for its camera and date.
        source: The data, where they are open already.

    Raises:
        PoolError: The data or the table cannot be read, two rows about one item differ, or a column is in both with
            different values.
    """
    if any(map(place_of, ids)):
        return _of_recordings(location, ids, modality, table=table, classes=classes, source=source)
    there, remarks = location.exists(), []
    stored = dict(stored_columns(location, modality, source)) if there else {}
    if not there:
        remarks.append(f"{location.name} does not exist: its columns are not known")
    columns, lists = _columns(stored, ids, classes, "the data")
    if table is not None:
        joined = join(table, ids)
        remarks += joined.remarks
        beside, more = _columns(joined.columns, ids, classes, table.name)
        columns, lists = _united(columns, beside), lists + more
    if lists:
        remarks.append(f"columns with several values in a cell are not read: {', '.join(lists)}")
    columns += [column for column in folder_columns(_in_archives(ids), classes) if column.name not in stored]
    if exif and there and isinstance(location, Path):
        folder = location if location.is_dir() else location.parent
        found, remark = exif_columns(_paths(location, modality, ids, source), ids, folder)
        columns += [column for column in found if column.name not in stored]
        remarks += [remark] * bool(remark)
    return Metadata(tuple(ids), tuple(columns), tuple(remarks))


def _of_recordings(
    location: Place,
    ids: Sequence[str],
    modality: Modality | None,
    *,
    table: Path | None,
    classes: Sequence[str],
    source: Source | None,
) -> Metadata:
    """The metadata of windows: those of their recordings."""
    recordings = list(map(recording_of, ids))
    own = list(dict.fromkeys(recordings))
    base: Source | None = source.base if isinstance(source, CutSource) else None
    found = gather_metadata(location, own, modality, table=table, classes=classes, source=base)
    row = {name: i for i, name in enumerate(own)}
    at = [row[name] for name in recordings]
    columns = tuple(replace(one, values=tuple(one.values[i] for i in at)) for one in found.columns)
    return Metadata(tuple(ids), columns, found.remarks)


def _in_archives(ids: Sequence[str]) -> list[str]:
    """Ids without the archive that an item is in: which one it is means nothing."""
    return [item.rpartition(".tar/")[2] for item in ids]


def _columns(
    stored: Mapping[str, Mapping[str, Any]], ids: Sequence[str], classes: Sequence[str], origin: str
) -> tuple[list[Column], list[str]]:
    """The columns, and the names of those with several values in a cell."""
    columns, lists = [], []
    for name, cells in stored.items():
        found = typed([cells.get(item) for item in ids])
        if found is None:
            lists.append(plain(name))
            continue
        kind, values = found
        said = {plain(value) for value in cells.values() if not unknown(value)}
        note = "its values are the classes" if are_classes(said, classes) else ""
        columns.append(Column(plain(name) or "column without a name", kind, values, origin, note))
    return columns, lists


def _united(ours: list[Column], theirs: list[Column]) -> list[Column]:
    """The columns of the data and of the table.

    Raises:
        PoolError: A column is in both, with different values.
    """
    known = {column.name: column for column in ours}
    for column in theirs:
        same = known.get(column.name)
        if same is not None and same.values != column.values:
            raise PoolError(
                f"the column {column.name!r} is in the data and, with other values, in {column.origin}",
                hint="rename one of the columns, or remove it",
            )
    return ours + [column for column in theirs if column.name not in known]


def _paths(
    location: Path, modality: Modality | None, ids: Sequence[str], source: Source | None
) -> dict[str, Path | None]:
    if source is None and location.is_dir():
        return {item: location / item for item in ids}
    if source is None and (
        modality not in (None, "image") or location.suffix.lower() not in (*TABLES, ".parquet", ".pq")
    ):
        return {}
    source = source or open_source(location, modality)
    known = source.stamps() if isinstance(source, Stamped) else {}
    return {item: source.path(item) for item in ids if item in known}
