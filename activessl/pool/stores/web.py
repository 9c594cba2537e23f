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
