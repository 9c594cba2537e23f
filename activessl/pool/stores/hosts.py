"""Which hosts data are fetched from: none inside of a network, unless the user allows it.

Addresses come from tables of other people. One that points to this machine, into the network behind it, or to the
service that tells a cloud machine its credentials would be fetched with the rights of the account that runs activessl.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from activessl.errors import PoolError

#: Hosts inside of the network that may be fetched from, with or without a port, separated by commas.
ALLOWED = "ACTIVESSL_ALLOW_HOSTS"


@dataclass(frozen=True)
class Allowed:
    """Hosts inside of the network that may be fetched from.

    Args:
        places: Pairs of an IP address and a port; port 0 is every port.
    """

    places: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, hosts: Iterable[tuple[str, int]]) -> Allowed:
        """Look hosts up. A host without an address allows nothing.

        Args:
            hosts: Names or IP addresses with a port; port 0 is every port.
        """
        found = set[tuple[str, int]]()
        for host, port in hosts:
            try:
                looked = socket.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                continue
            found |= {(str(one[4][0]), port) for one in looked}
        return cls(frozenset(found))

    def permits(self, ip: str, port: int) -> bool:
        """Whether a connection to an IP address is allowed.

        Example:
            >>> Allowed().permits("93.184.216.34", 443), Allowed().permits("169.254.169.254", 80)
            (True, False)
            >>> Allowed(frozenset({("127.0.0.1", 9000)})).permits("127.0.0.1", 9000)
            True
        """
        return not is_inside(ip) or bool({(ip, port), (ip, 0)} & self.places)


def hosts_in(setting: str | None = None) -> list[tuple[str, int]]:
    """The hosts that the environment allows.

    Raises:
        PoolError: A port is no number.

    Example:
        >>> hosts_in("10.0.0.5:9000, storage.internal")
        [('10.0.0.5', 9000), ('storage.internal', 0)]
    """
    found = []
    for one in (os.environ.get(ALLOWED, "") if setting is None else setting).split(","):
        host, mark, port = one.strip().rpartition(":")
        if not one.strip():
            continue
        if mark and not port.isdecimal() and "]" not in port:
            raise PoolError(f"{ALLOWED} has the host {one.strip()!r}", hint="write HOST or HOST:PORT")
        named = (host, int(port)) if mark and port.isdecimal() else (one.strip(), 0)
        found.append((named[0].strip("[]"), named[1]))
    return found


def is_inside(ip: str) -> bool:
    """Whether an IP address is not one of the public network: this machine, a private network, a link, metadata.

    Example:
        >>> [is_inside(ip) for ip in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1")]
        [True, True, True, True, True, True]
        >>> is_inside("8.8.8.8"), is_inside("2606:2800:220:1::1"), is_inside("64:ff9b::a9fe:a9fe")
        (False, False, True)
    """
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, ipaddress.IPv6Address):
        packed = found.ipv4_mapped or found.sixtofour
        if found in ipaddress.ip_network("64:ff9b::/96"):  # IPv4 behind a translator
            packed = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if packed is not None:
            return is_inside(str(packed))
    return not found.is_global or found.is_multicast
