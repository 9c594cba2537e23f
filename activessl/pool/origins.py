"""Where the files of a folder come from: the disk, or a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from activessl.pool.addresses import Address, Place
from activessl.pool.disk import Disk
from activessl.pool.plain import read_plain
from activessl.pool.pool import Stamp


class Origin(Protocol):
    """The files below a folder, by their names relative to it."""

    threads: int

    def listed(self, without: Collection[Path] = ()) -> Iterable[tuple[str, Stamp]]:
        """All files with their stamps, in no order; without hidden ones, and without some folders.

        Raises:
            PoolError: They cannot be listed.
        """
        ...

    def know(self, sizes: Mapping[str, int]) -> None:
        """Take the sizes of files, so that they need not be asked for."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """Read a file of at most ``most`` bytes.

        Raises:
            PoolError: It cannot be read, or is larger.
            PoolUnreachable: The store does not answer.
        """
        ...

    def part(self, name: str, start: int, end: int) -> bytes:
        """Read the bytes from ``start`` to before ``end``, fewer at the end of the file; errors as of ``read``."""
        ...

    def stamp(self, name: str) -> Stamp:
        """The stamp of a file as it is now; errors as of ``read``."""
        ...

    def may_come(self, name: str) -> bool:
        """Whether a file that could not be read was not even there, so that it is tried again each time."""
        ...

    def expect(self, name: str, following: Sequence[str]) -> None:
        """Take note that a file is read next, and which will be after it."""
        ...

    def path(self, name: str) -> Path | None:
        """The file on the disk; None in a store."""
        ...


def read_place(place: Place, most: int) -> bytes:
    """Read one file of at most ``most`` bytes that the user has named, on the disk or in a store.

    Raises:
        PoolError: It cannot be read, or is larger.
        PoolUnreachable: The store does not answer.
    """
    if isinstance(place, Address):
        from activessl.pool.stores.store import Store

        return Store(place, trusted=place).read(place, most)
    return read_plain(place, most)


def origin_of(place: Place) -> Origin:
    """The origin of the files below a place.

    Raises:
        PoolError: It is an address that cannot be read.
    """
    if isinstance(place, Address):
        from activessl.pool.stores.folder import StoreFolder  # imports fsspec, needed only for stores

        return StoreFolder(place)
    return Disk(place)
