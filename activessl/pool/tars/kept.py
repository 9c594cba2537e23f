"""The members of archives, kept in the user's cache folder, so that an archive is looked through once.

The folder can be deleted. It holds names, places, labels and metadata of samples, and nothing of their content.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from activessl.pool.plain import is_text
from activessl.pool.pool import UNKNOWN_STAMP, Stamp
from activessl.pool.tars.members import Member, Members
from activessl.sealed import replaced, sha256_of

#: The largest size of the folder; the oldest files go first.
_MOST_BYTES = 500_000_000
_VERSION = "1"
_SCHEMA = pa.schema([("name", pa.string()), ("offset", pa.int64()), ("size", pa.int64()), ("said", pa.string())])


def kept_members(place: str, stamp: Stamp) -> Members | None:
    """The members of an archive, as ``keep_members`` has kept them; None if they are not there, or damaged."""
    path = _path(place, stamp)
    if path is None:
        return None
    try:
        # the parquet reader is native code: it gets only what was written here
        if path.with_suffix(".sha256").read_text() != sha256_of(path):
            return None
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            table = file.read()
        meta = table.schema.metadata or {}
        if meta.get(b"version") != _VERSION.encode():
            return None
        rows = zip(*(table.column(name).to_pylist() for name in _SCHEMA.names), strict=True)
        path.touch()
        return Members([Member(*row) for row in rows], meta.get(b"damage", b"").decode())
    except (OSError, ValueError, pa.ArrowException):
        return None


def keep_members(place: str, stamp: Stamp, found: Members) -> None:
    """Keep the members of an archive, unless the folder cannot be written."""
    path = _path(place, stamp)
    if path is None or not all(is_text(member.name) for member in found.members):
        return
    rows = [dict(zip(_SCHEMA.names, member, strict=True)) for member in found.members]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    table = table.replace_schema_metadata({"version": _VERSION, "damage": found.damage})
    with suppress(OSError, pa.ArrowException):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(path.parent)
        for earlier in path.parent.glob(f"{path.name[:32]}.*"):  # of the archive before it was changed
            earlier.unlink(missing_ok=True)
        with replaced(path) as part:
            with part.open("wb") as out:
                pq.write_table(table, out, compression="zstd")
            digest = sha256_of(part)
        with replaced(path.with_suffix(".sha256")) as part:
            part.write_text(digest)


def _path(place: str, stamp: Stamp) -> Path | None:
    if stamp == UNKNOWN_STAMP:
        return None
    from platformdirs import user_cache_path

    of = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:32]
    return user_cache_path("activessl") / "tars" / f"{of}.{stamp[0]:x}-{stamp[1]:x}.parquet"


def _make_room(folder: Path) -> None:
    files = sorted(((one.stat(), one) for one in folder.glob("*.parquet")), key=lambda one: one[0].st_mtime)
    size = sum(status.st_size for status, _ in files)
    for status, one in files:
        if size < _MOST_BYTES:
            return
        one.unlink(missing_ok=True)
        one.with_suffix(".sha256").unlink(missing_ok=True)
        size -= status.st_size
