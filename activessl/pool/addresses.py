"""Addresses of data in object storage: their parts, and what of them may be shown.

An address is ``protocol://place``; that of a file in an archive is ``zip://file::archive``, as fsspec writes it.
Nothing here reads: :mod:`activessl.pool.store` does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from activessl.arguments import path
from activessl.errors import PoolError

#: Protocol to the package that reads it, and the extra that installs the package; None where it is there.
PROTOCOLS: dict[str, tuple[str, str] | None] = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "gcs": ("gcsfs", "gs"),
    "http": ("aiohttp", "https"),
    "https": ("aiohttp", "https"),
    "hf": ("huggingface_hub", "backbone"),
    "zip": None,
    "memory": None,
}

#: Suffixes of addresses that are one file with many items; other addresses are folders.
ONE_FILE = (".csv", ".tsv", ".jsonl", ".tar")

_BEGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

#: Parameters that sign an address, or open a store: who reads them may read the data.
_SECRET = re.compile(
    r"(x-(amz|goog)-.*|signature|sig|awsaccesskeyid|googleaccessid|key-pair-id|policy|hdnts|hmac|auth.*|.*token|"
    r".*secret.*|.*passw.*|.*credential.*|api_?-?key|apikey|key)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Address:
    """A folder or file in a store.

    As text it has no password and no signature, so that it can be an id, be printed and be stored; ``url`` has them.

    Args:
        url: The address, as it is read.

    Example:
        >>> place = Address("s3://bucket/photos")
        >>> str(place / "a.png"), place.protocol, place.name, place.is_dir()
        ('s3://bucket/photos/a.png', 's3', 'photos', True)
        >>> str(Address("https://example.com/a.png?X-Amz-Signature=1f"))
        'https://example.com/a.png'
        >>> str(Address("zip://::photos.zip") / "a.png"), Address("zip://a.png::s3://b/photos.zip").outer
        ('zip://a.png::photos.zip', 's3://b/photos.zip')
    """

    url: str = field(repr=False)

    def __str__(self) -> str:
        return shown_address(self.url)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __truediv__(self, name: str) -> Address:
        head, mark, outer = _parted(self.url)
        return Address(f"{head.rstrip('/') if not head.endswith('://') else head}{_slash(head)}{name}{mark}{outer}")

    @property
    def protocol(self) -> str:
        """The protocol, in lower case."""
        return self.url.partition("://")[0].lower()

    @property
    def plain(self) -> str:
        """The address without a slash at its end, to compare.

        Example:
            >>> Address("s3://bucket/photos/").plain, Address("zip://a/::b.zip").plain.startswith("zip://a::/")
            ('s3://bucket/photos', True)
        """
        head, mark, outer = _parted(self.resolve().url)
        return f"{head.rstrip('/')}{mark}{outer}"

    @property
    def outer(self) -> str:
        """What follows ``::``: the path or the address of the archive; empty without one."""
        return _parted(self.url)[2]

    @property
    def path(self) -> str:
        """What follows the protocol, without archive and query."""
        rest = _parted(self.url)[0].partition("://")[2]
        return rest.partition("?")[0] if self.protocol in ("http", "https") else rest

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def suffix(self) -> str:
        """The suffix of the name, with its dot."""
        return PurePosixPath(self.path).suffix

    @property
    def parent(self) -> Address:
        """The folder of the file."""
        head, mark, outer = _parted(self.url)
        head = head.partition("?")[0] if self.protocol in ("http", "https") else head
        return Address(f"{head.rstrip('/').rpartition('/')[0]}{mark}{outer}")

    def is_dir(self) -> bool:
        """Whether the items are the files below; the store is not asked."""
        return self.suffix.lower() not in ONE_FILE

    def is_file(self) -> bool:
        """Whether the items are in this one file; the store is not asked."""
        return not self.is_dir()

    def exists(self) -> bool:
        """True: whether a store has the data is known when they are read."""
        return True

    def resolve(self) -> Address:
        """The address, with an archive on the disk as an absolute path."""
        return self.within(Path())

    def absolute(self) -> Address:
        """As ``resolve``."""
        return self.resolve()

    def as_posix(self) -> str:
        """The address as text."""
        return str(self)

    def within(self, folder: Path) -> Address:
        """The address, with an archive on the disk as a path from a folder, absolute."""
        head, mark, outer = _parted(self.url)
        if not mark or is_address(outer):
            return self
        return Address(f"{head}::{(folder / Path(outer).expanduser()).resolve().as_posix()}")

    def relative_to(self, folder: Path) -> str:
        """The address as a project stores it: an archive that lies beside the project by its relative path."""
        head, mark, outer = _parted(self.url)
        if not mark or is_address(outer):
            return str(self)
        target, base = Path(outer).expanduser().resolve(), folder.resolve()
        beside = target.is_relative_to(base.parent)
        return f"{head}::{Path(os.path.relpath(target, base)).as_posix() if beside else target.as_posix()}"


#: Where data are: on the disk, or in a store.
Place: TypeAlias = Path | Address


def is_address(text: object) -> bool:
    """Whether a text is an address, and no path on the disk.

    Example:
        >>> is_address("s3://bucket/photos"), is_address("photos/a.png"), is_address("C:/photos")
        (True, False, False)
    """
    return isinstance(text, str) and _BEGIN.match(text) is not None


def place_of(text: str, folder: Path = Path()) -> Place:
    """Return the place of data that a person has named: an address, or a path relative to a folder.

    Raises:
        PoolError: It is an address that cannot be read, or that has a secret.
    """
    if not is_address(text):
        return folder / Path(text).expanduser()
    address = Address(text)
    check_address(address)
    if has_secret(text):
        raise PoolError(
            f"{address} has a signature or a key in its query",
            hint="give the address without it: credentials come from the environment, and are not stored",
        )
    return address.within(folder)


def place(name: str, value: Any) -> Place:
    """Return a place, given as a path, as an address or as text; ``name`` is that of the argument in errors."""
    if isinstance(value, Address):
        return value
    return place_of(value) if is_address(value) else path(name, value)


def check_address(address: Address) -> None:
    """Refuse an address of an unknown protocol, or with a password.

    Raises:
        PoolError: As above.
    """
    for link in _links(address.url):
        protocol = link.partition("://")[0].lower()
        if is_address(link) and protocol not in PROTOCOLS:
            raise PoolError(
                f"{address} has the unknown protocol {protocol!r}", hint=f"use one of {', '.join(PROTOCOLS)}"
            )
        if is_address(link) and "@" in _netloc(link):
            raise PoolError(
                f"{address} was given with a user name or a password",
                hint="remove them: credentials come from the environment, and are not stored",
            )
    if (address.protocol == "zip") != bool(address.outer):
        raise PoolError(f"{address} is no file of an archive", hint="write it as zip://FOLDER::ARCHIVE.zip")


def has_secret(url: str) -> bool:
    """Whether the query of an address signs it, or opens a store.

    Example:
        >>> has_secret("https://example.com/a?id=1"), has_secret("https://example.com/a?id=1&sig=x")
        (False, True)
    """
    return any(
        _SECRET.fullmatch(name)
        for link in _links(url)
        for name, _ in parse_qsl(link.partition("?")[2], keep_blank_values=True)
    )


def shown_address(url: str) -> str:
    """An address without user name, password, and without a query that has a secret.

    Example:
        >>> shown_address("https://user:word@example.com/a.png?id=3")
        'https://example.com/a.png?id=3'
        >>> shown_address("s3://key:secret@bucket/a.png")
        's3://bucket/a.png'
    """
    return "::".join(_shown(link) for link in _links(url))


def _parted(url: str) -> tuple[str, str, str]:
    """A file in an archive, the mark between, and the archive; elsewhere the mark is a part of a name or of an IP."""
    return url.partition("::") if url[:6].lower() == "zip://" else (url, "", "")


def _links(url: str) -> list[str]:
    head, mark, outer = _parted(url)
    return [head, *_links(outer)] if mark else [head]


def _shown(link: str) -> str:
    if not is_address(link):
        return link
    protocol, _, rest = link.partition("://")
    netloc = _netloc(link)
    link = f"{protocol}://{netloc.rpartition('@')[2]}{rest[len(netloc) :]}"
    return link.partition("?")[0] if has_secret(link) else link


def _netloc(link: str) -> str:
    """Host, port and user of an address, or the name of its bucket; empty in an archive."""
    protocol, _, rest = link.partition("://")
    return "" if protocol.lower() == "zip" else re.split(r"[/?#]", rest, maxsplit=1)[0]


def host_of(url: str) -> tuple[str, int | None]:
    """Host and port of an address.

    Raises:
        PoolError: The address has no valid host.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise PoolError(f"{shown_address(url)} has no valid host", hint="correct the address")
    return host, port


def _slash(head: str) -> str:
    return "" if head.endswith("://") else "/"
