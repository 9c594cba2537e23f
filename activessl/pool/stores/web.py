"""Clients for web addresses, which connect to no host inside of the network unless it is allowed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from activessl.pool.stores.hosts import Allowed

#: Seconds until a connection, and until the next bytes.
CONNECT_S, READ_S = 10, 30
#: Calls at the same time: a store answers each after some milliseconds, and many at once.
THREADS = 32


class Refused(OSError):
    """A connection inside of the network."""


def client_for(allowed: Allowed) -> Callable[..., Any]:
    """What makes a client for web addresses that connects to no host inside of the network.

    The addresses of a connection are looked at when it is made: a name may lead to another address than before, and a
    page to another host.
    """
    import aiohttp

    def checked(info: Any) -> socket.socket:
        family, kind, protocol, _, where = info
        if not allowed.permits(str(where[0]), int(where[1])):
            raise Refused(f"{where[0]} is inside of the network")
        return socket.socket(family, kind, protocol)

    async def client(**options: Any) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=2 * THREADS, socket_factory=checked)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        return aiohttp.ClientSession(connector=connector, timeout=timeout, **options)

    return client


def sends_parts(files: Any, url: str) -> bool:
    """Whether a web server sends a part of a file where one is asked for; the file itself is not read.

    Args:
        files: The file system of fsspec.
        url: The address.
    """
    from fsspec import asyn

    async def ask() -> bool:
        session = await files.set_session()
        async with session.get(url, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"}) as answer:
            answer.raise_for_status()
            return bool(answer.status == 206)

    wait: Any = asyn.sync  # its type says that it returns nothing
    found: bool = wait(files.loop, ask)
    return found


def read_web(files: Any, url: str, most: int) -> bytes:
    """Read a file of a web server as a stream, at most one byte more than ``most``: it may be larger than it says.

    Args:
        files: The file system of fsspec.
        url: The address.
        most: The largest size.
    """
    from fsspec import asyn

    async def read() -> bytes:
        session, found = await files.set_session(), bytearray()
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
            answer.raise_for_status()
            async for block in answer.content.iter_chunked(1 << 18):
                found += block
                if len(found) > most:
                    break
        return bytes(found[: most + 1])

    wait: Any = asyn.sync
    content: bytes = wait(files.loop, read)
    return content
