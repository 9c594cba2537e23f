"""The parts of a data set, as the data themselves mark them: what is to be labeled, and what measures.

The mark is a column or array ``split`` (train, val, test and other usual names; or numbers, 0 for the pool), or the
first folders (``train/`` and ``val/`` or ``test/``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from activessl.arguments import listed
from activessl.errors import PoolError
from activessl.pool.addresses import Address, Place
from activessl.pool.arrays import npz_keys, read_npz
from activessl.pool.listed_files import ListSource
from activessl.pool.plain import shown
from activessl.pool.pool import Pool, Source
from activessl.pool.recordings.cut import recording_of
from activessl.pool.rows import row_ids
from activessl.pool.series_source import SeriesFileSource
from activessl.pool.sources import CutSource, FolderSource, TarSource
from activessl.pool.split_folders import SPLITS, held_out_folder, split_folders
from activessl.pool.tables import ParquetSource, open_parquet, read_column
from activessl.pool.texts import TextTableSource

Array = np.ndarray[Any, np.dtype[Any]]

#: The values of a column of splits: a folder of such a name would be a class more often than a part.
_SPLITS = {**SPLITS, "pool": 0, "unlabeled": 0, "holdout": 1, "hold-out": 1, "evaluation": 2}


def held_out_ids(source: Source) -> tuple[str, ...]:
    """The ids of the items that the data mark as test or validation, in their order; empty without such a mark.

    Args:
        source: The data. Unreadable items count, too; of long recordings, the ids are those of the recordings.

    Raises:
        PoolError: The marks cannot be read: a value that names no part, or not one value for each item.
    """
    if isinstance(source, CutSource):
        return held_out_ids(source.base)
    if isinstance(source, FolderSource):
        return tuple(item for item in source.stamps() if held_out_folder(item))
    marked = _marks(source)
    if marked is None:
        return ()
    ids, values = marked
    if len(ids) != len(values):
        raise PoolError(
            f"'split' in {source.location} has {len(values):,} values for {len(ids):,} items",
            hint="store one value for each item",
        )
    split = split_numbers(source.location, values)
    return tuple(item for item, part in zip(ids, split.tolist(), strict=True) if part)


def to_label(pool: Pool) -> Pool:
    """The items of a pool that are to be labeled: all but those that the data mark as test or validation.

    Raises:
        PoolError: The data mark no items, or all of them; or the marks cannot be read.
    """
    held = _held(pool)
    kept = tuple(item for item in pool.items if not held(item.id))
    if not kept:
        raise PoolError(
            f"all items in {pool.source.location} are marked as test or validation",
            hint="mark the items to label as train, or give other data with --test",
        )
    return replace(
        pool,
        items=kept,
        unreadable=tuple(bad for bad in pool.unreadable if not held(bad.id)),
        aside=(
            *pool.aside,
            *(item for item in pool.items if held(item.id)),
            *(bad for bad in pool.unreadable if held(bad.id)),
        ),
    )


def to_test(pool: Pool) -> Pool:
    """The items of a pool that the data mark as test or validation.

    Raises:
        PoolError: The data mark no items; or the marks cannot be read.
    """
    held = _held(pool)
    return replace(
        pool,
        items=tuple(item for item in pool.items if held(item.id)),
        unreadable=tuple(bad for bad in pool.unreadable if held(bad.id)),
        aside=(),
    )


def told_parts(pool: Pool) -> list[str]:
    """One line where the data mark items as test or validation, and all are in the pool; else none.

    Raises:
        PoolError: The marks cannot be read.
    """
    location = shown(pool.source.location.name)
    do = f"with `--test` and the same {location}, they measure and are not asked about"
    source = pool.source.base if isinstance(pool.source, CutSource) else pool.source
    if isinstance(source, FolderSource):
        folders = split_folders(pool.ids)
        return [f"the folders {', '.join(folders)} are all in the pool; {do}"] if len(folders) > 1 else []
    held = len(held_out_ids(source))
    if not 0 < held < len(frozenset(map(recording_of, pool.ids)) if source is not pool.source else pool):
        return []
    return [f"the column 'split' marks {held:,} items as test or validation, and all are in the pool; {do}"]


def _held(pool: Pool) -> Callable[[str], bool]:
    """Whether an item of the pool is marked; a window is marked with its recording."""
    held = frozenset(held_out_ids(pool.source))
    if not held:
        raise PoolError(
            f"{pool.source.location} is data and test data at once, and marks no item as test or validation",
            hint="mark them in a column 'split', or as folders train/ and test/; or give other data with --test "
            "(data.test in activessl.toml)",
        )
    cut = isinstance(pool.source, CutSource)
    return lambda item: (recording_of(item) if cut else item) in held


def split_numbers(location: Place, values: Any) -> Array:
    """The parts as numbers: 0 for the pool, others for what is held out.

    Args:
        location: The file, for messages.
        values: (n,) numbers; or the names that data sets use, of which training data are the pool.

    Raises:
        PoolError: A value that names no part.

    Example:
        >>> from pathlib import Path
        >>> split_numbers(Path("a.csv"), ["train", "Validation", "test"]).tolist()
        [0, 2, 1]
    """
    split = np.asarray(values)
    if split.dtype.kind in "iub":
        return split
    names = [None if value is None else str(value).strip().lower() for value in split.tolist()]
    unknown = sorted({repr(value) for value in names if value not in _SPLITS})
    if unknown:
        raise PoolError(
            f"'split' in {location} has the values {listed(unknown)}",
            hint="store train for the pool and test for test data, or 0 and 1",
        )
    return np.array([_SPLITS[name] for name in names if name is not None], dtype=np.int64)


def _marks(source: Source) -> tuple[Sequence[str], Any] | None:
    """The ids of a file, and its values of ``split``; None if it has none."""
    location = source.location
    if isinstance(source, (ListSource, SeriesFileSource, TarSource, TextTableSource)):
        return None if source.stored_split is None else (tuple(source.stamps()), source.stored_split)
    if isinstance(location, Address):
        return None
    if isinstance(source, ParquetSource):
        file = open_parquet(location)
        if "split" not in file.schema_arrow.names:
            return None
        return tuple(source.stamps()), read_column(location, file, "split").to_pylist()
    if location.suffix.lower() in (".npz", ".mat") and "split" in (keys := npz_keys(location)):
        marks = read_npz(location, "split")
        return row_ids(location, len(marks), read_npz(location, "ids") if "ids" in keys else None), marks
    return None
