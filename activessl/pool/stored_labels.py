"""Labels that are stored in the data, for simulations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from activessl.errors import PoolError
from activessl.pool.addresses import Address, Place, place
from activessl.pool.arrays import npz_keys, read_npz
from activessl.pool.features import features_of
from activessl.pool.listed_files import ListSource
from activessl.pool.parts import split_numbers
from activessl.pool.pool import Pool, Source
from activessl.pool.recordings.cut import recording_of
from activessl.pool.rows import row_ids
from activessl.pool.series_source import SeriesFileSource, is_series_file
from activessl.pool.sources import CutSource, FolderSource, TarSource, open_source
from activessl.pool.split_folders import SPLITS, split_folders
from activessl.pool.tables import ParquetSource, open_parquet, read_column
from activessl.pool.texts import TEXT_TABLES, TextTableSource

Array = np.ndarray[Any, np.dtype[Any]]

#: A class number as large as this is a mistake: a table of so many columns would not fit into memory.
_MOST = 100_000


#: The items that must have a label; None for all.
Wanted = frozenset[str] | None


class StoredLabels(NamedTuple):
    """The classes of the items of a file or folder.

    Attributes:
        labels: (n,) class index of each item, int64, in the order of the pool; (n, k) of 0 and 1 where items may have
            several classes.
        class_names: (k,) the names; None where the file has only numbers.
        split: (n,) 0 = pool, other values = test; or None.
    """

    labels: Array
    class_names: tuple[str, ...] | None
    split: Array | None


#: The ids of the items with a label, and the labels.
Found = tuple[tuple[str, ...], StoredLabels | None]


def read_labels(data: Place | Pool) -> StoredLabels | None:
    """Read the labels that are stored in the data; None if there are none.

    Args:
        data: A pool, for labels in the order of its rows; items that are not in it need no label. Or a path, for the
            labels of all items in the order of the file. In an ``.npz`` labels are ``labels`` (with ``class_names`` and
            ``split`` where given), in a table the column ``label`` (with ``split``, in a ``.parquet`` ``label_name``
            too, and class names in the schema that Hugging Face datasets writes, which come first), in a folder the
            names of the first-level subfolders, or of those below ``train`` and ``val`` or ``test``. Several classes
            per item are a matrix of 0 and 1 in an ``.npz``, lists in a ``.parquet`` or ``.jsonl``.

    Raises:
        PoolError: Labels exist, but an item has none, or a label is empty.
    """
    location = data.source.location if isinstance(data, Pool) else place("data", data)
    wanted = None  # the label of a recording is that of its windows
    if isinstance(data, Pool):
        wanted = frozenset(map(recording_of, data.ids) if isinstance(data.source, CutSource) else data.ids)
    if isinstance(source := _of_archives(data, location), TarSource):
        ids, found = _of_source(location, source, wanted)
    elif location.is_dir():
        ids = data.ids if isinstance(data, Pool) else tuple(source.stamps()) if isinstance(source, FolderSource) else ()
        found = _of_folder(ids)
    elif isinstance(location, Path) and location.suffix.lower() in (".npz", ".mat"):
        ids, found = _of_npz(location, wanted)
    elif isinstance(source := _labeled(data, location), (ListSource, SeriesFileSource, TextTableSource)):
        ids, found = _of_source(location, source, wanted)
    elif isinstance(location, Address):
        return None
    else:
        ids, found = _of_parquet(location, wanted)
    if found is None or not isinstance(data, Pool):
        return found
    row = {item_id: i for i, item_id in enumerate(ids)}
    try:
        order = np.array([row[recording_of(i) if i not in row else i] for i in data.ids], dtype=np.int64)
    except KeyError as error:
        raise PoolError(f"item {error.args[0]!r} has no label", hint="store one label for each item") from None
    split = None if found.split is None else found.split[order]
    return StoredLabels(found.labels[order], found.class_names, split)


def read_machine(pool: Pool, class_names: tuple[str, ...]) -> Array | None:
    """Read what a machine says of each item of an ``.npz``, in the order of the pool; None if the file does not say it.

    Args:
        pool: The pool; its file has ``machine_scores`` (n, k), NaN where there is none, or ``machine`` (n,) with class
            indices, -1 for none, or class names, empty for none.
        class_names: The classes in the order of the labels.

    Returns:
        (n, k) scores, or (n,) class indices.

    Raises:
        PoolError: Not one answer for each item, or a name that is no class.
    """
    location = pool.source.location
    if not isinstance(location, Path) or not location.is_file() or location.suffix.lower() != ".npz":
        return None
    keys = npz_keys(location)
    key = next((key for key in ("machine_scores", "machine") if key in keys), None)
    if key is None:
        return None
    said, total = read_npz(location, key), len(read_npz(location, "labels"))
    if said.ndim not in (1, 2) or len(said) != total:
        raise PoolError(
            f"array {key!r} in {location} has shape {said.shape} for {total} items",
            hint="store one answer for each item",
        )
    if said.dtype.kind in "US":
        number = {"": -1, **{name: i for i, name in enumerate(class_names)}}
        odd = next((str(name) for name in said.ravel() if str(name) not in number), None)
        if odd is not None or said.ndim != 1:
            raise PoolError(
                f"array {key!r} in {location} has {odd!r}, which is no class", hint="use the class names of 'labels'"
            )
        said = np.array([number[str(name)] for name in said], dtype=np.int64)
    ids = row_ids(location, total, read_npz(location, "ids") if "ids" in keys else None)
    row = {item_id: i for i, item_id in enumerate(ids)}
    return cast(Array, said[[row[item_id] for item_id in pool.ids]])


def _of_archives(data: Place | Pool, location: Place) -> Source | None:
    """The source of a folder, or of one archive, that may have archives of samples."""
    if isinstance(data, Pool):
        return data.source
    if not location.is_dir() and location.suffix.lower() != ".tar":
        return None
    return open_source(location)


def _is_series(location: Place) -> bool:
    return isinstance(location, Path) and is_series_file(location)


def _labeled(data: Place | Pool, location: Place) -> Source | None:
    """The source of a file that may be a list of files, or hold many series."""
    if isinstance(data, Pool):
        return data.source.base if isinstance(data.source, CutSource) else data.source
    suffix = location.suffix.lower()
    return open_source(location) if suffix in (*TEXT_TABLES, ".parquet", ".pq") or _is_series(location) else None


def _of_source(
    location: Place, source: ListSource | SeriesFileSource | TarSource | TextTableSource, wanted: Wanted
) -> Found:
    ids = tuple(source.stamps())
    if source.stored_labels is None:
        return ids, None
    values = [None if value == "" else value for value in source.stored_labels]
    names = source.class_names if isinstance(source, SeriesFileSource) else ()
    if names and all(isinstance(value, str) for value in values):
        # the order of the classes is that of the file
        split = None if source.stored_split is None else split_numbers(location, source.stored_split)
        return ids, StoredLabels(np.array([names.index(value) for value in values], dtype=np.int64), names, split)
    return _column(location, ids, values, source.stored_split, None, wanted=wanted)


def _of_folder(ids: Sequence[str]) -> StoredLabels | None:
    """The classes of files: the folders that they are in."""
    if not all("/" in item_id for item_id in ids):
        return None  # a file is outside of the subfolders, so the subfolders are not classes
    if not split_folders(ids):
        return _indexed([item_id.split("/", 1)[0] for item_id in ids], None)

    # train/ and val/ above the classes: the classes are the folders below
    parts = [item_id.split("/") for item_id in ids]
    if not all(len(one) > 2 for one in parts):
        return None  # an item lies in no class
    held = np.array([SPLITS[one[0].lower()] > 0 for one in parts], dtype=np.int64)
    return _indexed([one[1] for one in parts], held if 0 < held.sum() < len(held) else None)


def _of_npz(location: Path, wanted: Wanted) -> Found:
    keys = npz_keys(location)
    if "labels" not in keys:
        return (), None
    labels = read_npz(location, "labels")
    ids = row_ids(location, len(labels), read_npz(location, "ids") if "ids" in keys else None)
    split = split_numbers(location, read_npz(location, "split")) if "split" in keys else None
    if split is not None and len(split) != len(labels):
        raise PoolError(
            f"array 'split' in {location} has {len(split)} values for {len(labels)} labels",
            hint="store one value for each item",
        )
    names = tuple(map(str, read_npz(location, "class_names"))) if "class_names" in keys else None
    if wanted is not None and labels.ndim == 1:
        none = {"i": labels == -1, "U": labels == ""}.get(labels.dtype.kind, np.zeros(len(labels), dtype=bool))
        kept = ~none | np.array([item in wanted for item in ids], dtype=bool)
        ids = tuple(item for item, one in zip(ids, kept.tolist(), strict=True) if one)
        labels, split = labels[kept], None if split is None else split[kept]
    if labels.ndim == 2:
        return ids, _table(location, labels, names, split)
    if labels.ndim != 1:
        raise PoolError(f"array 'labels' in {location} has shape {labels.shape}", hint="store one class for each item")
    if labels.dtype.kind in "US":
        return ids, _indexed([str(label) for label in labels.tolist()], split)
    return ids, _numbered(location, labels, names, split)


def _of_parquet(location: Path, wanted: Wanted) -> Found:
    file = open_parquet(location)
    columns, features = file.schema_arrow.names, features_of(file.schema_arrow.metadata)
    classified = [name for name, feature in features.items() if feature.names and name in columns]
    label = "label" if "label" in columns or len(classified) != 1 else classified[0]
    if label not in columns:
        return (), None

    def values(name: str) -> list[Any] | None:
        return list(read_column(location, file, name).to_pylist()) if name in columns else None

    ids = tuple(ParquetSource(location).stamps())
    known = features[label].names if label in features else ()
    return _column(location, ids, values(label) or [], values("split"), values("label_name"), known, wanted=wanted)


def _column(
    location: Place,
    ids: tuple[str, ...],
    values: list[Any],
    splits: list[Any] | None,
    label_names: list[Any] | None,
    known: tuple[str, ...] = (),
    *,
    wanted: Wanted,
) -> Found:
    """The labels of a column: names, numbers with or without a column of names, or lists.

    With ``known``, the class names in the schema of the file, numbers mean these names, and -1 is no label. Rows
    without a label are left out, if they are not ``wanted``.
    """
    if known:
        values = [None if value == -1 else value for value in values]
    empty = sum(value is None and (wanted is None or item in wanted) for item, value in zip(ids, values, strict=True))
    if empty:
        raise PoolError(f"{empty} items in {location} have no label", hint="label those rows, or remove them")
    rows = [row for row, value in enumerate(values) if value is not None]
    if len(rows) < len(values):
        ids, values = tuple(ids[row] for row in rows), [values[row] for row in rows]
        splits = None if splits is None else [splits[row] for row in rows]
        label_names = None if label_names is None else [label_names[row] for row in rows]
    return ids, _labels(location, values, splits, label_names, known)


def _labels(
    location: Place,
    values: list[Any],
    splits: list[Any] | None,
    label_names: list[Any] | None,
    known: tuple[str, ...],
) -> StoredLabels:
    split = None if splits is None else split_numbers(location, splits)
    if all(isinstance(value, str) for value in values):
        return _indexed(values, split)
    if all(isinstance(value, list) for value in values):
        return _listed(location, values, split, known)
    if known:
        _check_names(location, values, label_names, known)
        return _numbered(location, np.asarray(values), known, split)
    names: tuple[str, ...] | None = None
    if label_names is not None:
        named = dict(zip(values, label_names, strict=True))
        if set(named) == set(range(len(named))):
            names = tuple(str(named[i]) for i in range(len(named)))
    return _numbered(location, np.asarray(values), names, split)


def _check_names(location: Place, values: list[Any], label_names: list[Any] | None, known: tuple[str, ...]) -> None:
    """Refuse a column of names that contradicts those in the schema."""
    for row, (value, said) in enumerate(zip(values, label_names or (), strict=False)):
        if said is not None and 0 <= value < len(known) and str(said) != known[value]:
            raise PoolError(
                f"row {row} of {location} has the label {value}, which is {known[value]!r} by the schema of the file "
                f"but {str(said)!r} by its column 'label_name'",
                hint="correct the column 'label_name', or remove it",
            )


def _indexed(values: list[str], split: Array | None) -> StoredLabels:
    names, labels = np.unique(np.asarray(values), return_inverse=True)
    return StoredLabels(labels.astype(np.int64), tuple(map(str, names)), split)


def _numbered(location: Place, labels: Array, names: tuple[str, ...] | None, split: Array | None) -> StoredLabels:
    if labels.dtype.kind not in "iub":
        raise PoolError(f"labels in {location} have type {labels.dtype}", hint="store class numbers or names")
    labels = labels.astype(np.int64)
    if labels.size and (labels.min() < 0 or (names is not None and labels.max() >= len(names))):
        raise PoolError(
            f"labels in {location} range from {labels.min()} to {labels.max()}", hint="number the classes from 0"
        )
    return StoredLabels(labels, names, split)


def _table(location: Place, labels: Array, names: tuple[str, ...] | None, split: Array | None) -> StoredLabels:
    """Labels as a row of 0 and 1 for each item."""
    if labels.dtype.kind not in "iubf" or not np.isin(labels, (0, 1)).all() or labels.shape[1] < 2:
        raise PoolError(
            f"array 'labels' in {location} has shape {labels.shape}, and values other than 0 and 1 or only one class",
            hint="store one class for each item, or a row of 0 and 1 for at least two classes",
        )
    if names is not None and len(names) != labels.shape[1]:
        raise PoolError(
            f"{len(names)} class names for {labels.shape[1]} columns of 'labels' in {location}",
            hint="store one name for each column",
        )
    return StoredLabels(labels.astype(np.int64), names, split)


def _listed(location: Place, values: list[list[Any]], split: Array | None, known: tuple[str, ...] = ()) -> StoredLabels:
    """Labels as a list of class names, or of class numbers, for each item."""
    said = sorted({one for value in values for one in value}, key=lambda one: (str(type(one)), one))
    numbered = all(isinstance(one, int) for one in said)
    fine = (numbered and said[:1] >= [0] and said[-1:] < [_MOST]) or all(isinstance(one, str) for one in said)
    if not said or not fine:
        raise PoolError(
            f"column 'label' of {location} has only empty lists, or lists with values that are not classes",
            hint="store a list of class names, or of numbers from 0, for each item",
        )
    if known and numbered and said[-1] >= len(known):
        raise PoolError(
            f"labels in {location} go up to {said[-1]}, but its schema names {len(known)} classes",
            hint="correct the labels, or the ClassLabel of the column",
        )
    names = (known or None) if numbered else tuple(said)
    column = {one: one if numbered else k for k, one in enumerate(said)}
    width = len(known) if numbered and known else max(column.values()) + 1
    labels = np.zeros((len(values), width), dtype=np.int64)
    for i, value in enumerate(values):
        labels[i, [column[one] for one in value]] = 1
    return StoredLabels(labels, names, split)
