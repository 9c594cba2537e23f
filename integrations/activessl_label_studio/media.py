"""How an item's media reach the annotator's eyes: in the task itself, from the server's disk, or uploaded."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import numpy as np

from activessl.errors import AnnotatorError, ConfigError
from activessl.pool.pool import Pool
from activessl.pool.portable import portable
from activessl_label_studio.client import Client

__all__ = ["INLINE_BYTES", "MediaMode", "place"]

#: "inline" puts it into the task, "local" lets a server on the same disk read it, "upload" copies it to the server;
#: "auto" takes what fits: text and series inline, small images inline, others local where a document root is known.
MediaMode = Literal["auto", "inline", "local", "upload"]

#: Beyond this a data: address makes every listing, export and webhook slow.
INLINE_BYTES = 50_000

#: The server takes 100 files a request at most.
_FILES = 100


def place(
    client: Client, project: int, pool: Pool, rows: Sequence[int], *, mode: MediaMode, document_root: Path | None
) -> list[Any]:
    """What the media's tag takes, for each row of the pool: an address, a text, or the samples of a series.

    Raises:
        ConfigError: The mode does not exist or does not fit.
        AnnotatorError: A file cannot be read, or the server does not take it.
    """
    if mode not in get_args(MediaMode):
        raise ConfigError(f"media {mode!r} does not exist", hint=f"use one of {', '.join(get_args(MediaMode))}")
    if pool.modality == "text":
        return [str(pool.read(row)) for row in rows]
    if pool.modality == "series":
        return [_series(np.asarray(pool.read(row))) for row in rows]
    if mode == "local" or (mode == "auto" and document_root is not None and _all_below(pool, rows, document_root)):
        return _local(client, project, pool, rows, document_root)
    if mode == "upload":
        return _upload(client, project, [portable(pool, row) for row in rows])
    encoded = [portable(pool, row) for row in rows]
    large = [i for i, (content, _, _) in enumerate(encoded) if len(content) > INLINE_BYTES]
    if large and mode == "inline":
        size = max(len(encoded[i][0]) for i in large)
        raise AnnotatorError(
            f"an item of {size:,} bytes is too large to stand in a task (at most {INLINE_BYTES:,})",
            hint="use media 'upload' or 'local'",
        )
    placed: list[Any] = [
        "" if len(content) > INLINE_BYTES else f"data:{kind};base64,{base64.b64encode(content).decode()}"
        for content, _, kind in encoded
    ]
    for i, address in zip(large, _upload(client, project, [encoded[i] for i in large]), strict=True):
        placed[i] = address
    return placed


def _series(values: np.ndarray[Any, np.dtype[Any]]) -> dict[str, list[float | None]]:
    channels = np.atleast_2d(values)
    columns: dict[str, list[float | None]] = {"time": [float(i) for i in range(channels.shape[1])]}
    for i, channel in enumerate(channels):
        # six digits are more than a screen shows; JSON has no NaN
        columns[f"channel_{i}"] = [round(float(v), 6) if np.isfinite(v) else None for v in channel]
    return columns


def _all_below(pool: Pool, rows: Sequence[int], root: Path) -> bool:
    root = root.resolve()
    return all((path := pool.path(row)) is not None and root in path.resolve().parent.parents for row in rows)


def _local(client: Client, project: int, pool: Pool, rows: Sequence[int], root: Path | None) -> list[str]:
    """Addresses that the server answers from its own disk; what lies elsewhere is written below its root first."""
    if root is None:
        raise ConfigError("media 'local' without a document root", hint="name the folder that the server may serve")
    root = root.resolve()
    own = root / f"activessl-project-{project}"
    addresses, folders = [], set()
    for row in rows:
        path = pool.path(row)
        path = path.resolve() if path is not None else None
        if path is None or root not in path.parent.parents:
            content, ending, _ = portable(pool, row)
            path = own / f"{pool.items[row].sha256}.{ending}"
            try:
                own.mkdir(exist_ok=True)
                if not path.exists():
                    path.write_bytes(content)
            except OSError as error:
                raise AnnotatorError(f"cannot write {path}: {error.strerror}", hint="use media 'upload'") from None
        folders.add(root / path.relative_to(root).parts[0])
        addresses.append(f"/data/local-files/?d={quote(path.relative_to(root).as_posix())}")
    # a file is served only if a storage row of a project that the person sees covers it; no sync is needed
    there = {row["path"].rstrip("/") for row in client.get("/api/storages/localfiles", project=project)}
    for folder in sorted(folders):
        if str(folder) not in there:
            body = {"project": project, "path": str(folder), "title": "activessl", "use_blob_urls": True}
            client.post("/api/storages/localfiles", body)
    return addresses


def _upload(client: Client, project: int, files: Sequence[tuple[bytes, str, str]]) -> list[str]:
    """Addresses of uploaded files. The server puts a prefix before each name, so ours are matched as suffixes."""
    import hashlib

    addresses: dict[str, str] = {}
    names = [f"{hashlib.sha256(content).hexdigest()[:32]}.{ending}" for content, ending, _ in files]
    todo = list(dict(zip(names, files, strict=True)).items())
    for start in range(0, len(todo), _FILES):
        chunk = todo[start : start + _FILES]
        parts = {f"file{i}": (name, content, kind) for i, (name, (content, _, kind)) in enumerate(chunk)}
        made = client.upload(f"/api/projects/{project}/import", parts, commit_to_project="false")
        listed = client.get(f"/api/projects/{project}/file-uploads", ids=json.dumps(made["file_upload_ids"]))
        for row in listed:
            stored = str(row["file"])
            for name, _ in chunk:
                if stored.endswith(name):
                    addresses[name] = "/data/" + stored.removeprefix("/data/").lstrip("/")
        lost = [name for name, _ in chunk if name not in addresses]
        if lost:
            raise AnnotatorError(f"the server kept {len(chunk) - len(lost)} of {len(chunk)} files", hint="push again")
    return [addresses[name] for name in names]
