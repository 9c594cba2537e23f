"""The description of a pool, kept in one parquet file so that unchanged data is not read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.axes import UNKNOWN, Axes
from activessl.pool.decoders.readers import installed
from activessl.pool.pool import UNKNOWN_STAMP, Item, Pool, Source, Stamp, Unreadable
from activessl.pool.progress import OnProgress
from activessl.pool.recordings.cut import place_of, recording_of
from activessl.pool.recordings.source import CutSource
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
    _save([*pool.items, *pool.unreadable, *pool.aside], pool.source, path, pool.axes)


def _save(entries: Sequence[Item | Unreadable], source: Source, path: Path, axes: Axes = UNKNOWN) -> None:
    cut = source if isinstance(source, CutSource) else None
    stamps = source.stamps() if isinstance(source, Stamped) else {} if cut is None else cut.recordings()
    told = [one if isinstance(one, Item) else one.item for one in entries]

    def values(name: str) -> list[Any]:
        if name in ("size", "mtime_ns"):
            named = (one.id if cut is None else recording_of(one.id) for one in entries)
            return [stamps.get(item_id, (None, None))[name == "mtime_ns"] for item_id in named]
        if name in ("id", "why"):
            return [getattr(one, name, None) for one in entries]
        return [None if item is None else getattr(item, name) for item in told]

    # by column: a dictionary for each row would take as much memory as the pool
    arrays = [pa.array(values(field.name), field.type) for field in _SCHEMA]
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    note = {"version": _VERSION, "modality": source.modality, "axes": json.dumps(axes.to_json())}
    note["readers"] = " ".join(installed())
    if cut is not None:
        note["cut"] = str(cut.cut)
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


def load_manifest(
    path: Path, source: Source, on_progress: OnProgress | None = None, *, resumable: bool = False
) -> Pool:
    """Describe a source, reading only what is new or has changed since the manifest was written.

    Where the manifest is missing, damaged or of another version, everything is read.

    Args:
        path: Where ``save_manifest`` wrote.
        source: The source that the manifest describes.
        on_progress: Called now and then with the number of items that were read.
        resumable: Whether to write what was read, where a store does not answer any more.

    Raises:
        PoolError: Nothing can be read.
        PoolUnreachable: A store does not answer.
    """
    if isinstance(source, CutSource):
        return _of_recordings(path, source, on_progress)
    if not isinstance(source, Stamped):
        return collect(source, source.scan(), on_progress)
    known, before = _read(path, source.modality)
    found = list[Item | Unreadable]()
    try:
        return collect(source, _noted(_entries(source, known), found), on_progress, before=before)
    except PoolUnreachable:
        if resumable and found:
            _save(found, source, path)
        raise


def _entries(source: Stamped, known: Mapping[str, tuple[Stamp, Item | Unreadable]]) -> Iterator[Item | Unreadable]:
    """What is known of each item; the others are read."""
    stamps = dict(source.stamps())  # reading a missing file changes its stamp
    same = {item for item, stamp in stamps.items() if item in known and known[item][0] == stamp != UNKNOWN_STAMP}
    if not same:  # the scan of the source is faster
        yield from source.scan()
        return
    ids = list(stamps)
    with ThreadPoolExecutor(max_workers=getattr(source, "threads", 1)) as workers:
        for start in range(0, len(ids), 256):
            block = ids[start : start + 256]
            todo = [item for item in block if item not in same]
            read = dict(zip(todo, workers.map(source.describe, todo), strict=True))
            for item in block:
                entry = read[item] if item in read else known[item][1]
                # whether its channels fit is decided anew, because other files may have come
                yield entry if isinstance(entry, Item) or item in read or entry.item is None else entry.item


def _noted(entries: Iterator[Item | Unreadable], found: list[Item | Unreadable]) -> Iterator[Item | Unreadable]:
    for entry in entries:
        found.append(entry)
        yield entry


def _of_recordings(path: Path, source: CutSource, on_progress: OnProgress | None) -> Pool:
    """The windows of recordings: those of a file that has not changed, and was cut in the same way, are known."""
    known, before = _read(path, source.modality, str(source.cut))
    windows: dict[str, list[Item | Unreadable]] = {}
    was: dict[str, set[Stamp]] = {}
    for item_id, (stamp, entry) in known.items():
        recording = recording_of(item_id)
        windows.setdefault(recording, []).append(entry)
        was.setdefault(recording, set()).add(stamp)
    stamps = source.recordings()
    if not any(was.get(recording) == {stamp} for recording, stamp in stamps.items()):
        return collect(source, source.scan(), on_progress, before=before)

    def entries() -> Iterator[Item | Unreadable]:
        for recording, stamp in stamps.items():
            if was.get(recording) != {stamp} or stamp == UNKNOWN_STAMP:
                yield from source.windows(recording)
                continue
            there = sorted(windows[recording], key=lambda one: place.start if (place := place_of(one.id)) else -1.0)
            yield from (one if isinstance(one, Item) or one.item is None else one.item for one in there)

    return collect(source, entries(), on_progress, before=before)


def known_unreadable(path: Path, modality: str, cut: str | None = None) -> frozenset[str]:
    """The ids that could not be decoded when the manifest was written; empty without a manifest."""
    known, _ = _read(path, modality, cut)
    return frozenset(name for name, (_, entry) in known.items() if isinstance(entry, Unreadable))


def _read(path: Path, modality: str, cut: str | None = None) -> tuple[dict[str, tuple[Stamp, Item | Unreadable]], Axes]:
    try:
        # the parquet reader is native code: it gets only what was written here
        if not intact(path):
            return {}, Axes()
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:  # pq.read_table imports pandas
            # threads of pyarrow may hold a page, which is an object of Python, for longer than Python itself lives
            table = file.read(use_threads=False)
        meta = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if meta.get("version") != _VERSION or meta.get("modality") != modality:
            return {}, Axes()
        if meta.get("digest") != _digest(table) or meta.get("cut") != cut:
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
