"""Read data in object storage through fsspec. Only this package connects to the outside.

Each call has a timeout and is repeated a few times, with growing pauses. What a store says about one file (there is
none, it may not be read) is a PoolError about that file; where the store does not answer, or no longer accepts the
credentials, PoolUnreachable says that nothing is known: a verb stops there, and goes on when it is run again.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, TypeVar

from activessl.errors import PoolError, PoolUnreachable
from activessl.pool.addresses import PROTOCOLS, Address, check_address, host_of
from activessl.pool.plain import MOST_BYTES
from activessl.pool.pool import UNKNOWN_STAMP, Stamp
from activessl.pool.stores.answers import translated
from activessl.pool.stores.hosts import Allowed, hosts_in
from activessl.pool.stores.signed import Signed
from activessl.pool.stores.web import CONNECT_S, READ_S, THREADS, client_for, read_web, sends_parts

T = TypeVar("T")

#: How often a call is tried, and the first pause in seconds, which doubles: half a minute in all, and the timeouts.
TRIES, PAUSE_S = 7, 0.5

#: What tells that a file has changed, the surest first: names in fsspec's descriptions of files.
_MARKS = ("ETag", "etag", "md5Hash", "generation", "blob_id", "CRC", "Content-MD5", "LastModified", "Last-Modified")
_LATER_MARKS = ("last_modified", "mtime", "date_time", "updated", "created")


class Store:
    """One store: a service, a web server, or an archive.

    Args:
        address: A folder or file in it.
        trusted: An address that the user gave, whose host may be inside of the network; None for none.

    Raises:
        PoolError: The address cannot be read, or a package is missing.
    """

    def __init__(self, address: Address, *, trusted: Address | None) -> None:
        check_address(address)
        self._web = address.protocol in ("http", "https")
        self._trusted = trusted
        self._parted: set[str] = set()
        self._files = translated(address, lambda: self._open(address))
        self._signed = Signed(self._files) if address.protocol == "s3" else None

    def listed(self, folder: Address, *, deep: bool = True) -> dict[str, Stamp]:
        """The names of all files below a folder, relative to it, with their stamps; without hidden files.

        Args:
            folder: The folder.
            deep: Whether the folders in it are listed, too.

        Raises:
            PoolError: There is no such folder, or it cannot be listed.
            PoolUnreachable: The store does not answer.
        """
        path = _path(folder)

        def find() -> Mapping[str, Mapping[str, Any]]:
            self._files.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = self._files.find(path, maxdepth=None if deep else 1, detail=True)
            return found

        found = {name: info for name, info in _patiently(folder, find).items() if info.get("type") != "directory"}
        base = path.rstrip("/") + "/" if path.strip("/") else ""
        names = {full: full.removeprefix(base).lstrip("/") for full in found if full.startswith(base)}
        kept = {
            full: name
            for full, name in names.items()
            if name and not any(part.startswith(".") for part in name.split("/")) and not full.endswith("/")
        }
        if self._web:  # a page of links says nothing about the files
            stamps = self.stamps([folder / name for name in kept.values()])
            return dict(zip(kept.values(), stamps, strict=True))
        return {name: stamp_of(found[full]) for full, name in kept.items()}

    def stamps(self, addresses: Sequence[Address]) -> list[Stamp]:
        """The stamp of each file; ``UNKNOWN_STAMP`` for one that cannot be described.

        Raises:
            PoolUnreachable: The store does not answer.
        """

        def one(address: Address) -> Stamp:
            try:
                return stamp_of(_patiently(address, lambda: self._files.info(_path(address))))
            except PoolUnreachable:
                raise
            except PoolError:
                return UNKNOWN_STAMP

        return in_threads(one, addresses)

    def read(self, address: Address, most: int = MOST_BYTES, *, size: int = 0, tries: int = TRIES) -> bytes:
        """Read a file of at most ``most`` bytes.

        Args:
            address: The file.
            most: The largest size.
            size: The size by the listing; 0 if it is not known.
            tries: How often it is tried.

        Raises:
            PoolError: There is no such file, it may not be read, or it is larger.
            PoolUnreachable: The store does not answer.
        """
        if size > most:
            raise _too_large(address, size, most)
        path = _path(address)
        if self._web:
            content = _patiently(address, lambda: read_web(self._files, path, most), tries)
        elif not size:
            content = _patiently(address, lambda: self._bounded(path, most), tries)
        else:
            content = _patiently(address, lambda: self._whole(path, most), tries)
        if len(content) > most:
            raise _too_large(address, len(content), most)
        return content

    def part(self, address: Address, start: int, end: int) -> bytes:
        """Read the bytes from ``start`` to before ``end``; fewer at the end of the file; errors as of ``read``."""
        path = _path(address)
        if self._web and path not in self._parted:
            # a server that does not know ranges sends the whole file for each part
            if not _patiently(address, lambda: sends_parts(self._files, path)):
                raise PoolError(f"the server of {address} sends no parts of files", hint="copy the file to the disk")
            self._parted.add(path)
        return bytes(_patiently(address, lambda: self._files.cat_file(path, start=start, end=end)))

    def size(self, address: Address) -> Stamp:
        """The stamp of one file, with its size; errors as of ``read``."""
        return stamp_of(_patiently(address, lambda: self._files.info(_path(address))))

    def _whole(self, path: str, most: int) -> bytes:
        content = None if self._signed is None else self._signed.read(path, most)
        return bytes(self._files.cat_file(path)) if content is None else content

    def _bounded(self, path: str, most: int) -> bytes:
        """Read as a stream, up to a limit: what a server says of the size may be wrong."""
        found, left = [], most + 1
        with self._files.open(path, "rb") as file:
            while left and (block := file.read(min(left, 1 << 20))):
                found.append(block)
                left -= len(block)
        return b"".join(found)

    def _open(self, address: Address) -> Any:
        import fsspec

        protocol = address.protocol
        needed = PROTOCOLS[protocol]
        if needed is not None and find_spec(needed[0]) is None:
            package, extra = needed
            install = f"`pip install 'activessl[{extra}]'`"
            raise PoolError(f"reading {protocol}:// needs {package}: {install}", hint=f"run {install}")
        # an instance of its own: fsspec's common ones remember listings, and archives, of before
        options: dict[str, Any] = {"skip_instance_cache": True}
        if self._web:
            options["get_client"] = client_for(Allowed.of([*hosts_in(), *_host(self._trusted)]))
        if protocol == "s3":
            options |= {
                "use_listings_cache": False,
                "config_kwargs": {
                    "connect_timeout": CONNECT_S,
                    "read_timeout": READ_S,
                    "max_pool_connections": 2 * THREADS,
                    "retries": {"max_attempts": 1},
                    "signature_version": "s3v4",
                },
            }
        if protocol == "zip":
            outer = address.outer
            if "://" in outer:
                trusted = self._trusted
                inner = Store(Address(outer), trusted=Address(trusted.outer) if trusted and trusted.outer else trusted)
                options["fo"] = inner._files.open(_path(Address(outer)), "rb")
            else:
                options["fo"] = outer
        return fsspec.filesystem(protocol, **options)


def stamp_of(info: Mapping[str, Any]) -> Stamp:
    """Size, and a number for whatever tells of a change; ``UNKNOWN_STAMP`` where nothing does.

    Example:
        >>> stamp_of({"size": 3, "ETag": "x"}) == stamp_of({"size": 3, "ETag": "x", "LastModified": 5})
        True
        >>> stamp_of({"size": 3})
        (0, 0)
    """
    mark = next(((name, info[name]) for name in (*_MARKS, *_LATER_MARKS) if info.get(name) is not None), None)
    if mark is None or info.get("size") is None:
        return UNKNOWN_STAMP
    return int(info["size"]), int.from_bytes(hashlib.sha256(repr(mark[1]).encode()).digest()[:7], "big")


def in_threads(work: Callable[[Address], T], addresses: Sequence[Address]) -> list[T]:
    """Call a function with each address, many at the same time; in order."""
    with ThreadPoolExecutor(min(THREADS, len(addresses)) or 1) as threads:
        futures = [threads.submit(work, address) for address in addresses]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def _patiently(address: Address, call: Callable[[], T], tries: int = TRIES) -> T:
    """Call a store, again and again while it does not answer."""
    for attempt in range(tries):
        try:
            return translated(address, call)
        except PoolUnreachable:
            if attempt == tries - 1:
                raise
        time.sleep(PAUSE_S * 2**attempt * random.uniform(0.75, 1.25))  # noqa: S311  so that threads spread out
    raise AssertionError("unreachable")


_PORTS = {"http": 80, "https": 443}


def _host(address: Address | None) -> list[tuple[str, int]]:
    """Host and port of a web address."""
    if address is None or address.protocol not in _PORTS:
        return []
    host, port = host_of(address.url)
    return [(host, port or _PORTS[address.protocol])]


def _path(address: Address) -> str:
    """The path of a file as its file system names it."""
    if address.protocol in ("http", "https"):
        return address.url
    return address.path


def _too_large(address: Address, size: int, most: int) -> PoolError:
    return PoolError(
        f"{address} has {size:,} bytes, more than the {most:,} that are read",
        hint="remove it, or give the data without it",
    )
