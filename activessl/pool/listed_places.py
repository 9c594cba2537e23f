"""Where the files of a list are: below the table on the disk, below it in a store, or at addresses of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import Address, Place, check_address, is_address
from activessl.pool.disk import Disk
from activessl.pool.plain import read_plain
from activessl.pool.pool import UNKNOWN_STAMP, Stamp

if TYPE_CHECKING:
    from activessl.pool.stores.ahead import Ahead
    from activessl.pool.stores.store import Store

#: A folder of a store with at least so many files of the list is listed; other files are asked for one by one.
_MANY = 20


class ListedPlaces:
    """The files that a table lists, by the names in it; see :class:`activessl.pool.origins.Origin`.

    Paths are relative to the folder of the table, and lie in it or below: only that folder was given by the user.
    Addresses are read as they are, with the user's credentials.

    Args:
        table: The table.
        names: Paths and addresses.
    """

    def __init__(self, table: Place, names: Sequence[str]) -> None:
        self._table, self._names = table, names
        self._disk = table.resolve().parent if isinstance(table, Path) else None
        self._stores: dict[tuple[str, str], Store] = {}
        self._sizes: dict[str, int] = {}
        self._lost: set[str] = set()
        self._ahead: Ahead[str] | None = None
        self.in_store = self._disk is None or any(is_address(name) for name in names)
        self.threads = Disk(Path()).threads
        if self.in_store:
            from activessl.pool.stores.ahead import Ahead  # imports fsspec, needed only for stores
            from activessl.pool.stores.web import THREADS

            self.threads = THREADS
            self._ahead = Ahead(self._begin, lambda name: self._sizes.get(name, 0), THREADS)

    def listed(self, without: Collection[Path] = ()) -> Iterable[tuple[str, Stamp]]:  # noqa: ARG002  of the protocol
        """The files with their stamps, in the order of the table."""
        far: dict[str, Address] = {}
        found: dict[str, Stamp] = {}
        for name in self._names:
            try:
                at = self.place(name)
            except PoolError:
                found[name] = UNKNOWN_STAMP
                continue
            if isinstance(at, Address):
                far[name] = at
            else:
                found[name] = _on_disk(at)
        found |= self._in_stores(far)
        return [(name, found[name]) for name in self._names]

    def place(self, name: str) -> Place:
        """The file of a name, checked at each read: a link may have replaced it.

        Raises:
            PoolError: It is no file of the list that can be read.
        """
        if is_address(name):
            address = Address(name)
            check_address(address)
            if address.outer and not is_address(address.outer):
                if self._disk is None:
                    raise PoolError(f"{address} lies on the disk", hint="name archives beside the table")
                return Address(f"{name.partition('::')[0]}::{self._below(address.outer).as_posix()}")
            return address
        if self._disk is not None:
            return self._below(name)
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise PoolError(
                f"{name[:100]!r} lies outside of the folder of the table", hint="put the table above the files"
            )
        return self._folder / name

    def know(self, sizes: Mapping[str, int]) -> None:
        """Take the sizes of the files."""
        self._sizes.update(sizes)

    def read(self, name: str, most: int) -> bytes:
        """Read a file, which may have been read ahead."""
        found = None if self._ahead is None else self._ahead.take(name)
        if found is None or len(found) > most:
            found = self._fetch(name, most)
        return found

    def part(self, name: str, start: int, end: int) -> bytes:
        """Read a part of a file."""
        at = self.place(name)
        if isinstance(at, Address):
            return self._store(at).part(at, start, end)
        return Disk(at.parent).part(at.name, start, end)

    def stamp(self, name: str) -> Stamp:
        """The stamp of a file as it is now."""
        at = self.place(name)
        return self._store(at).size(at) if isinstance(at, Address) else Disk(at.parent).stamp(at.name)

    def may_come(self, name: str) -> bool:
        """Whether a store had no such file, or did not let it be read."""
        return name in self._lost

    def expect(self, name: str, following: Sequence[str]) -> None:
        """Read ahead in stores."""
        if self._ahead is not None:
            self._ahead.expect(name, following)

    def path(self, name: str) -> Path | None:
        """The file on the disk; None of an address."""
        return self._table.parent / name if isinstance(self._table, Path) and not is_address(name) else None

    @property
    def _folder(self) -> Address:
        assert isinstance(self._table, Address)
        return self._table.parent

    def _below(self, name: str) -> Path:
        folder = self._disk or Path()
        try:
            path = (folder / name).resolve(strict=True)
        except (OSError, ValueError):
            raise PoolError(
                f"there is no file {name[:100]!r}", hint="check the path: it is relative to the table"
            ) from None
        if not path.is_relative_to(folder):
            raise PoolError(
                f"{name[:100]!r} lies outside of the folder of the table", hint="put the table above the files"
            )
        return path

    def _begin(self, name: str) -> bytes:
        at = self.place(name)
        if isinstance(at, Path):
            return read_plain(at, name=repr(name[:100]))
        return self._store(at).read(at, size=self._sizes.get(name, 0), tries=1)

    def _fetch(self, name: str, most: int) -> bytes:
        try:
            at = self.place(name)
            if isinstance(at, Path):
                return read_plain(at, most, name=repr(name[:100]))
            return self._store(at).read(at, most, size=self._sizes.get(name, 0))
        except PoolUnreachable:
            raise
        except PoolError:
            if self.in_store:
                self._lost.add(name)
            raise

    def _store(self, address: Address) -> Store:
        from activessl.pool.stores.store import Store

        key = (address.protocol, address.outer)
        if key not in self._stores:
            # hosts inside of the network are not allowed because a table names them; that of the table is
            own = self._table if isinstance(self._table, Address) else None
            self._stores[key] = Store(address, trusted=own)
        return self._stores[key]

    def _in_stores(self, far: Mapping[str, Address]) -> dict[str, Stamp]:
        """The stamps of files in stores: where a folder has many of them, it is listed once."""
        folders: dict[str, list[str]] = {}
        for name, at in far.items():
            folders.setdefault("" if at.protocol in ("http", "https") else at.parent.url, []).append(name)
        found: dict[str, Stamp] = {}
        for folder, names in folders.items():
            if folder and len(names) >= _MANY:
                there = self._listing(Address(folder))
                found |= {name: there.get(far[name].name, UNKNOWN_STAMP) for name in names}
            else:
                found |= self._one_by_one(names, far)
        return found

    def _listing(self, folder: Address) -> Mapping[str, Stamp]:
        try:
            return self._store(folder).listed(folder, deep=False)
        except PoolUnreachable:
            raise
        except PoolError:
            return {}

    def _one_by_one(self, names: Sequence[str], far: Mapping[str, Address]) -> dict[str, Stamp]:
        from activessl.pool.stores.store import in_threads

        def one(at: Address) -> Stamp:
            try:
                return self._store(at).size(at)
            except PoolUnreachable:
                raise
            except PoolError:
                return UNKNOWN_STAMP

        return dict(zip(names, in_threads(one, [far[name] for name in names]), strict=True))


def _on_disk(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return UNKNOWN_STAMP
    return status.st_size, status.st_mtime_ns
