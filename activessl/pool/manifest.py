"""The description of a pool, kept in one parquet file so that unchanged data is not read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from activessl.errors import PoolError
from activessl.pool.axes import Axes
from activessl.pool.decoders.readers import installed
from activessl.pool.pool import UNKNOWN_STAMP, Item, Pool, Source, Stamp, Unreadable
from activessl.pool.progress import OnProgress
from activessl.pool.sources import Stamped, collect
from activessl.sealed import replaced, sha256_of, write_atomic

#: 2: channels, remarks, steps and peaks; items whose channels do not fit keep what was decoded.
_VERSION = "2"
_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("sha256", pa.string()),  # null where nothing could be decoded
        ("shape", pa.list_(pa.int64())),
        ("why", pa.string()),  # null where readable
        ("channels", pa.list_(pa.string())),
        ("remarks", pa.list_(pa.string())),
        ("step", pa.float64()),
        ("peak", pa.int64()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
    ]
)


def save_manifest(pool: Pool, path: Path) -> None:
    """Write the description of a pool atomically, with its digest: a reader sees the old file or the new one.

    Raises:
        PoolError: The file cannot be written.
    """
    stamps = pool.source.stamps() if isinstance(pool.source, Stamped) else {}
    known = [*pool.items, *(item for item in pool.aside if isinstance(item, Item))]
    bad = [*pool.unreadable, *(item for item in pool.aside if isinstance(item, Unreadable))]
    told: list[Item | None] = [*known, *(one.item for one in bad)]
    ids, why = [item.id for item in known], [None] * len(known)
    at = [stamps.get(item_id, (None, None)) for item_id in (*ids, *(one.id for one in bad))]

    def values(name: str) -> list[Any]:
        if name in ("size", "mtime_ns"):
            return [stamp[name == "mtime_ns"] for stamp in at]
        if name in ("id", "why"):
            return [*(ids if name == "id" else why), *(getattr(one, name) for one in bad)]
        return [None if item is None else getattr(item, name) for item in told]

    # by column: a dictionary for each row would take as much memory as the pool
    arrays = [pa.array(values(field.name), field.type) for field in _SCHEMA]
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    note = {"version": _VERSION, "modality": pool.modality, "axes": json.dumps(pool.axes.to_json())}
    note["readers"] = " ".join(installed())
    table = table.replace_schema_metadata(note | {"digest": _digest(table)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            with part.open("wb") as out:  # a path that is no UTF-8 is none for pyarrow
                pq.write_table(table, out, compression="zstd")
            digest = sha256_of(part)
        # a process killed in between leaves a digest that does not match: then all is read once more
        write_atomic(_digest_file(path), digest.encode())
    except (OSError, pa.ArrowException) as error:
        raise PoolError(
            f"{path} cannot be written: {error}", hint="free disk space, or check the permissions of the folder"
        ) from None


def load_manifest(path: Path, source: Source, on_progress: OnProgress | None = None) -> Pool:
    """Describe a source, reading only what is new or has changed since the manifest was written.

    Where the manifest is missing, damaged or of another version, everything is read.

    Args:
        path: Where ``save_manifest`` wrote.
        source: The source that the manifest describes.
        on_progress: Called now and then with the number of items that were read.
    """
    if not isinstance(source, Stamped):
        return collect(source, source.scan(), on_progress)
    known, before = _read(path, source.modality)
    if not any(known.get(item_id, (None, None))[0] == stamp for item_id, stamp in source.stamps().items()):
        # nothing to reuse: the scan of the source is faster
        return collect(source, source.scan(), on_progress, before=before)

    def entries(stamped: Stamped) -> Iterator[Item | Unreadable]:
        for item_id, stamp in stamped.stamps().items():
            was, entry = known.get(item_id, (None, None))
            same = entry is not None and was == stamp != UNKNOWN_STAMP
            if entry is None or not same:
                yield stamped.describe(item_id)
            else:  # whether its channels fit is decided anew, because other files may have come
                yield entry if isinstance(entry, Item) or entry.item is None else entry.item

    return collect(source, entries(source), on_progress, before=before)


def known_unreadable(path: Path, modality: str) -> frozenset[str]:
    """The ids that could not be decoded when the manifest was written; empty without a manifest."""
    return frozenset(name for name, (_, entry) in _read(path, modality)[0].items() if isinstance(entry, Unreadable))


def _read(path: Path, modality: str) -> tuple[dict[str, tuple[Stamp, Item | Unreadable]], Axes]:
    try:
        # the parquet reader is native code: it gets only what was written here
        if not intact(path):
            return {}, Axes()
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:  # pq.read_table imports pandas
            table = file.read()
        meta = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if meta.get("version") != _VERSION or meta.get("modality") != modality:
            return {}, Axes()
        if meta.get("digest") != _digest(table):
            return {}, Axes()
        # what could not be read may be readable now, with other readers
        kept = meta.get("readers") == " ".join(installed())
        axes = Axes.of_json(json.loads(meta["axes"]), 0)
        rows = zip(*(table.column(name).to_pylist() for name in _SCHEMA.names), strict=True)  # dicts take twice as long
        return {row[0]: (row[-2:], _entry(*row[:-2])) for row in rows if kept or row[1] is not None}, axes
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return {}, Axes()


def _entry(
    item_id: str,
    sha256: str | None,
    shape: list[int],
    why: str | None,
    channels: list[str],
    remarks: list[str],
    step: float | None,
    peak: int,
) -> Item | Unreadable:
    item = None
    if sha256 is not None:
        item = Item(item_id, sha256, tuple(shape), tuple(channels), tuple(remarks), step, peak)
    return item if item is not None and why is None else Unreadable(item_id, str(why), item)


def intact(path: Path) -> bool:
    """Whether the file is the one that ``save_manifest`` wrote.

    Raises:
        OSError: The file, or its digest, cannot be read.
    """
    return _digest_file(path).read_bytes() == sha256_of(path).encode()


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _digest(table: Any) -> str:
    digest = hashlib.sha256()
    for name in ("id", "sha256", "size", "mtime_ns", "channels"):
        digest.update("\x1f".join(map(str, table.column(name).to_pylist())).encode())
    return digest.hexdigest()
