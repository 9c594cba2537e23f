"""Where items come from: a folder of images, an npz file, a parquet file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, runtime_checkable

from activessl.errors import PoolError
from activessl.pool.arrays import NpzSource
from activessl.pool.decode import decode_image, image_suffixes
from activessl.pool.pool import MODALITIES, Item, Media, Modality, Pool, Source, Unreadable
from activessl.pool.tables import ParquetSource

__all__ = ["FolderSource", "NpzSource", "ParquetSource", "Sampled", "Stamped", "load_pool", "open_source"]

#: Called with how many items have been read, and how many there are.
OnScan = Callable[[int, int], None]

#: (size in bytes, modification time in ns) of a file: it is read again when either has changed.
Stamp = tuple[int, int]


@runtime_checkable
class Stamped(Source, Protocol):
    """A source that can tell cheaply whether an item has changed since it was described."""

    def __len__(self) -> int:
        """How many items there are, readable or not."""
        ...

    def stamps(self) -> Mapping[str, Stamp]:
        """The stamp of each item's file as it is now, in the order of ``scan``."""
        ...

    def describe(self, item_id: str) -> Item | Unreadable:
        """Read one item and describe it."""
        ...


@runtime_checkable
class Sampled(Source, Protocol):
    """A source of audio that knows how many samples a second it has."""

    @property
    def sample_rate(self) -> int | None:
        """Samples a second; None where it holds no audio."""
        ...


class FolderSource:
    """A folder of images, searched through all its subfolders.

    Ids are the files' paths below the folder, with slashes on every system, and come in the order of those paths.
    Hidden files and folders are ignored, and so are files whose name does not end like that of an image; links to
    folders are not followed.

    Args:
        location: The folder.

    Raises:
        PoolError: The folder holds no images, or cannot be listed.
    """

    def __init__(self, location: Path) -> None:
        self._location = location
        self._stamps = dict(sorted(_image_files(location)))
        if not self._stamps:
            raise PoolError(f"no images in {location}", hint="point at a folder with PNG, JPEG or other image files")

    @property
    def modality(self) -> Modality:
        """Always "image"."""
        return "image"

    @property
    def location(self) -> Path:
        """The folder."""
        return self._location

    def __len__(self) -> int:
        return len(self._stamps)

    def stamps(self) -> Mapping[str, Stamp]:
        """Size and time of each file when the folder was opened."""
        return self._stamps

    def describe(self, item_id: str) -> Item | Unreadable:
        """Hash and decode one file."""
        try:
            content = self.content(item_id)
            return Item(item_id, hashlib.sha256(content).hexdigest(), decode_image(content).shape)
        except PoolError as error:
            return Unreadable(item_id, error.message)

    def scan(self) -> Iterator[Item | Unreadable]:
        """Hash and decode each file, in the order of their paths."""
        # Pillow lets go of the interpreter while it decodes; blocks keep memory bounded
        ids = list(self._stamps)
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as workers:
            for start in range(0, len(ids), 256):
                yield from workers.map(self.describe, ids[start : start + 256])

    def read(self, item_id: str) -> Media:
        """Decode one image to (h, w, c)."""
        return decode_image(self.content(item_id))

    def path(self, item_id: str) -> Path | None:
        """The image's file."""
        return self._location / item_id

    def content(self, item_id: str) -> bytes:
        """The bytes of the file."""
        if item_id not in self._stamps:
            raise PoolError(f"no item {item_id!r} in {self._location}", hint="check the id, or open the folder again")
        try:
            return (self._location / item_id).read_bytes()
        except OSError as error:
            raise PoolError(
                f"{item_id} cannot be read: {error.strerror}", hint="check the file and its rights"
            ) from None


def open_source(location: Path, modality: Modality | None = None) -> Source:
    """Open what a path points at.

    Args:
        location: A folder of images; an ``.npz`` with ``images`` (n, h, w[, c]), ``X`` (n, [channels,] time),
            ``vectors`` (n, d), or packed ``data`` and ``offsets`` with ``format`` (encoded images) or ``sample_rate``
            (16-bit audio); or a ``.parquet`` with a column of encoded images or of text.
        modality: Which kind of media to read, where a file holds several; by default what it holds.

    Raises:
        PoolError: The path does not exist, is empty, or is of no known format, or does not hold that modality.
    """
    location = Path(location)
    if modality is not None and modality not in MODALITIES:
        raise PoolError(f"unknown modality {modality!r}", hint=f"use one of {', '.join(MODALITIES)}")
    if not location.exists():
        raise PoolError(f"no such file or folder: {location}", hint="check the path")

    source: Source
    if location.is_dir():
        if modality not in (None, "image"):
            raise PoolError(f"a folder of {modality} cannot be read", hint="pack it into one .npz or .parquet file")
        source = FolderSource(location)
    elif location.suffix.lower() == ".npz":
        source = NpzSource(location, modality)
    elif location.suffix.lower() in (".parquet", ".pq"):
        source = ParquetSource(location, modality)
    elif location.suffix.lower() in image_suffixes():
        raise PoolError(f"{location} is one image", hint="point at the folder that holds it")
    else:
        raise PoolError(
            f"unknown format {location.suffix or 'without ending'!r} of {location}",
            hint="point at a folder of images, an .npz or a .parquet file",
        )
    return source


def load_pool(location: Path, modality: Modality | None = None, on_progress: OnScan | None = None) -> Pool:
    """Read everything at a path once and describe it.

    Args:
        location: As for ``open_source``.
        modality: As for ``open_source``.
        on_progress: Called with (done, total) from time to time.

    Raises:
        PoolError: As ``open_source``, or nothing there can be read.
    """
    source = open_source(location, modality)
    return collect(source, source.scan(), on_progress)


def collect(source: Source, entries: Iterator[Item | Unreadable], on_progress: OnScan | None = None) -> Pool:
    """Make a pool of what a scan yields, telling how far it is."""
    total = len(source) if isinstance(source, Stamped) else 0
    items: list[Item] = []
    unreadable: list[Unreadable] = []
    for done, entry in enumerate(entries, start=1):
        if isinstance(entry, Item):
            items.append(entry)
        else:
            unreadable.append(entry)
        if on_progress is not None and (done % 64 == 0 or done == total):
            on_progress(done, total)
    return Pool(items=tuple(items), source=source, unreadable=tuple(unreadable))


def _image_files(location: Path) -> Iterator[tuple[str, Stamp]]:
    """The image files below a folder and their stamps, in no order."""

    def fail(error: OSError) -> None:
        raise PoolError(f"{error.filename} cannot be listed: {error.strerror}", hint="check the rights of the folder")

    suffixes = image_suffixes()
    for parent, folders, names in os.walk(location, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in suffixes:
                continue
            try:
                status = path.stat()
                stamp = (status.st_size, status.st_mtime_ns)
            except OSError:
                stamp = (0, 0)  # a dangling link: listed as unreadable by the scan
            yield path.relative_to(location).as_posix(), stamp
