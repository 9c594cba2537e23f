"""The files of a folder in a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address
from activessl.pool.pool import Stamp
from activessl.pool.stores.ahead import Ahead
from activessl.pool.stores.store import Store
from activessl.pool.stores.web import THREADS


class StoreFolder:
    """The files of a folder in a store; see :class:`activessl.pool.origins.Origin`.

    Args:
        folder: Its address.

    Raises:
        PoolError: The address cannot be read.
    """

    def __init__(self, folder: Address) -> None:
        self._folder, self._store = folder, Store(folder, trusted=folder)
        self._sizes: dict[str, int] = {}
        self._lost: set[str] = set()
        self._ahead = Ahead(self._begin, lambda name: self._sizes.get(name, 0), THREADS)
        self.threads = THREADS

    def listed(self, without: Collection[Path] = ()) -> Iterable[tuple[str, Stamp]]:  # noqa: ARG002  of the disk
        """The files below, with their stamps."""
        return self._store.listed(self._folder).items()

    def know(self, sizes: Mapping[str, int]) -> None:
        """Take the sizes of the files."""
        self._sizes.update(sizes)

    def read(self, name: str, most: int) -> bytes:
        """Read a file, which may have been read ahead."""
        found = self._ahead.take(name)
        if found is None or len(found) > most:
            found = self._fetch(name, most)
        return found

    def part(self, name: str, start: int, end: int) -> bytes:
        """Read a part of a file."""
        return self._store.part(self._at(name), start, end)

    def stamp(self, name: str) -> Stamp:
        """The stamp of a file as it is now."""
        return self._store.size(self._at(name))

    def may_come(self, name: str) -> bool:
        """Whether the store had no such file, or did not let it be read."""
        return name in self._lost

    def expect(self, name: str, following: Sequence[str]) -> None:
        """Read ahead."""
        self._ahead.expect(name, following)

    def path(self, name: str) -> Path | None:  # noqa: ARG002  of the protocol
        """None: it is not on the disk."""
        return None

    def _begin(self, name: str) -> bytes:
        """Read a file that nobody waits for yet: once, so that a lost connection holds up no end of the program."""
        return self._store.read(self._at(name), size=self._sizes.get(name, 0), tries=1)

    def _fetch(self, name: str, most: int) -> bytes:
        try:
            return self._store.read(self._at(name), most, size=self._sizes.get(name, 0))
        except PoolUnreachable:
            raise
        except PoolError:
            self._lost.add(name)
            raise

    def _at(self, name: str) -> Address:
        if ".." in PurePosixPath(name).parts:
            raise PoolError(
                f"{name[:100]!r} leads out of {self._folder}", hint="give the folder that contains the file"
            )
        return self._folder / name
