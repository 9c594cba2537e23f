"""How the media of an item reach the annotator's browser: in the task, from the server's disk, or uploaded.

Every user who may log in can fetch every file that the server serves from its disk. Therefore it serves a folder with
the pushed items only, never the folder of the data, which may have other files and links to other folders.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import numpy as np

from activessl.errors import AnnotatorError, ConfigError
from activessl.pool.forms.series import rounded
from activessl.pool.pool import Pool
from activessl.pool.portable import portable
from activessl_label_studio.client import Client

__all__ = ["INLINE_BYTES", "MediaMode", "place", "withdrawn_address"]

#: "inline" puts the item into the task, "local" lets a server on the same disk read it, "upload" copies it to the
#: server. "auto": texts and series are inline; images and sounds are local if a document root is known, else inline if
#: small, and uploaded if not.
MediaMode = Literal["auto", "inline", "local", "upload"]

#: Larger data: addresses make listings, exports and webhooks slow.
INLINE_BYTES = 50_000

#: The beginning of the address of a file on the server's disk.
_LOCAL = "/data/local-files/?d="

#: The title of our storages in the server's settings.
_TITLE = "activessl"

#: The server accepts at most 100 files per request.
_FILES = 100


def place(
    client: Client, project: int, pool: Pool, rows: Sequence[int], *, mode: MediaMode, document_root: Path | None
) -> list[Any]:
    """Return the value of the media's tag for each row of the pool: an address, a text, or the samples of a series.

    Raises:
        ConfigError: The mode does not exist, or the document root is missing.
        AnnotatorError: An item is too large, a file cannot be written, or the server does not accept it.
    """
    if mode not in get_args(MediaMode):
        raise ConfigError(f"media {mode!r} does not exist", hint=f"use one of {', '.join(get_args(MediaMode))}")
    if pool.form.shown == "text":
        return [str(pool.read(row)) for row in rows]
    if pool.form.shown == "series":
        return [_series(np.asarray(pool.read(row))) for row in rows]
    if mode == "local" or (mode == "auto" and document_root is not None):
        return _local(client, project, pool, rows, document_root)
    if mode == "upload":
        return _upload(client, project, [portable(pool, row) for row in rows])
    encoded = [portable(pool, row) for row in rows]
    large = [i for i, (content, _, _) in enumerate(encoded) if len(content) > INLINE_BYTES]
    if large and mode == "inline":
        size = max(len(encoded[i][0]) for i in large)
        raise AnnotatorError(
            f"an item of {size:,} bytes is too large for a task (at most {INLINE_BYTES:,})",
            hint="set annotator.media to 'upload' or 'local'",
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
        columns[f"channel_{i}"] = rounded(channel, 6)  # more than a screen shows; JSON has no NaN
    return columns


def _local(client: Client, project: int, pool: Pool, rows: Sequence[int], root: Path | None) -> list[str]:
    """Return addresses of files on the server's disk, in a folder with pushed items only."""
    if root is None:
        raise ConfigError(
            "media 'local' needs a document root", hint="give the folder that the server serves as document_root"
        )
    own = _served_folder(root, project)
    addresses = []
    for row in rows:
        content, ending, _ = portable(pool, row)
        name = f"{hashlib.sha256(content).hexdigest()}.{ending}"
        try:
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (own / name).exists():
                _serve(pool, row, content, own / name)
        except OSError as error:
            raise AnnotatorError(
                f"cannot write {own / name}: {error.strerror}", hint="set annotator.media to 'upload'"
            ) from None
        addresses.append(f"{_LOCAL}{quote(f'{own.name}/{name}')}")
    _cover(client, project, own)
    return addresses


def _served_folder(root: Path, project: int) -> Path:
    """Return the folder of one project's items. No such name is a prefix of another one: older servers compare only
    the prefix to check whether a storage covers a file."""
    return root.resolve() / f"project-{project}-items"


def _serve(pool: Pool, row: int, content: bytes, place: Path) -> None:
    """Put one item where the server reads it: as a hard link if possible, else as a copy.

    Never as a symbolic link, whose target can be replaced after the check.
    """
    part = place.with_name(f".{place.name}.part")
    part.unlink(missing_ok=True)
    path = pool.path(row)
    try:
        if path is None or pool.content(row) != content:
            raise OSError  # no file of its own, or a format that browsers cannot show
        os.link(path.resolve(), part)
    except OSError:  # another disk, or a file of another user
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
    part.replace(place)


def _cover(client: Client, project: int, own: Path) -> None:
    """Let the server serve one folder for a project, and delete our older storages of the project.

    The server serves a file only if a storage of a project that the user sees covers it; no sync is needed.
    """
    there = client.get("/api/storages/localfiles", project=project)
    for row in there:
        if row.get("title") == _TITLE and row["path"].rstrip("/") != str(own):
            client.delete(f"/api/storages/localfiles/{row['id']}")
    if not any(row["path"].rstrip("/") == str(own) for row in there):
        body = {"project": project, "path": str(own), "title": _TITLE, "use_blob_urls": True}
        client.post("/api/storages/localfiles", body)


def withdrawn_address(address: object, project: int) -> bool:
    """Return whether an older push made the address, from the folder of the data, which is no longer served.

    Example:
        >>> withdrawn_address("/data/local-files/?d=photos/a.png", 7)
        True
        >>> withdrawn_address("/data/local-files/?d=project-7-items/0a1b.png", 7)
        False
    """
    ours = f"{_LOCAL}{quote(_served_folder(Path('/'), project).name)}/"
    return isinstance(address, str) and address.startswith(_LOCAL) and not address.startswith(ours)


def _upload(client: Client, project: int, files: Sequence[tuple[bytes, str, str]]) -> list[str]:
    """Return addresses of uploaded files. The server adds a prefix to each name, so names are matched as suffixes."""
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
