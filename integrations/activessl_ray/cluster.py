"""A connection to a Ray cluster: one of this machine alone, or one at an address."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from activessl.errors import EncoderError

#: Seconds in which a cluster must answer.
_ANSWERS = 5.0

#: The length of the head of a frame of HTTP/2, and the type of a frame of settings.
_FRAME, _SETTINGS = 9, 4

_ADDRESS = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


def imported() -> Any:
    """Import Ray.

    Raises:
        EncoderError: Ray is not installed, or cannot be imported.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report the use to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # without it, Ray prints a warning
    hint = "run: pip install 'activessl[ray]', or encode without --on"
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise EncoderError(f"Ray cannot be imported: {error}", hint=hint) from None
    if not hasattr(ray, "init"):  # Python imports any folder of this name, such as Ray's own /tmp/ray
        found = ", ".join(getattr(ray, "__path__", ()))
        raise EncoderError(f"Ray is not installed: {found} is another folder of this name", hint=hint)
    return ray


def check_address(address: str) -> str:
    """Return an address without spaces around it.

    Raises:
        EncoderError: It is not of the form HOST:PORT or ray://HOST:PORT.

    Example:
        >>> check_address("ray://head:10001")
        'ray://head:10001'
    """
    address = address.strip()
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise EncoderError(
            f"{address!r} is not the address of a Ray cluster",
            hint="give ray, ray://HOST:PORT (its client server), or ray:HOST:PORT (its first machine)",
        )
    return address


@contextmanager
def cluster(address: str, workers: int | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine, and yield the module ``ray``.

    A connection that this program has already stays open. A cluster that is started here ends here.

    Args:
        address: As of ``check_address``; "" for ``RAY_ADDRESS`` of the environment, or else this machine.
        workers: For a cluster of this machine: the number of its processes.

    Raises:
        EncoderError: Ray is not installed, or no cluster answers.
    """
    ray = imported()
    if ray.is_initialized():
        yield ray
        return
    told = os.environ.get("RAY_ADDRESS", "")
    if not address and told:
        address = check_address(told)
    settings: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        _answers(address)
    else:
        # vectors do not pass through the object store, so that its smallest size is enough
        settings |= {
            "num_cpus": max(workers or 1, _cores()),
            "include_dashboard": False,
            "object_store_memory": 100_000_000,
        }
    try:
        ray.init(address=address or "local", **settings)
    except Exception as error:  # noqa: BLE001  Ray raises many kinds, as text of several lines
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"the Ray cluster at {address or 'this machine'} cannot be used: {why}",
            hint="install the same versions of Python and Ray on all machines, and check `ray status` on the first one",
        ) from None
    try:
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()


def _cores() -> int:
    may = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may(0)) if may is not None else os.cpu_count() or 1


def _answers(address: str) -> None:
    """Raise unless a server of Ray's kind answers there: Ray itself would wait for minutes.

    Ray speaks HTTP/2, whose servers answer the first bytes of a client with a frame of settings (RFC 9113, 3.4).
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:  # checked before
        return
    try:
        with socket.create_connection((found["host"].strip("[]"), int(found["port"])), timeout=_ANSWERS) as there:
            there.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0]))
            head = b""
            while len(head) < _FRAME and (more := there.recv(_FRAME - len(head))):
                head += more
    except OSError as error:
        raise EncoderError(
            f"no Ray cluster answers at {address}: {error.strerror or error}",
            hint="check host and port (`ray status` on its first machine), then run the same command again",
        ) from None
    if len(head) < _FRAME or head[3] != _SETTINGS:
        raise EncoderError(
            f"what answers at {address} is no Ray cluster",
            hint="give the port of Ray (6379 for ray:HOST:PORT, 10001 for ray://HOST:PORT, unless set otherwise)",
        )
