"""Files of other people: their kind and size are looked at before they are opened, and their names before they are ids.

A named pipe without a writer never ends, a device never stops, and a sparse file of a few kilobytes reads as gigabytes.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from activessl.errors import PoolError

#: The largest file of one item, in bytes: the largest image that is decoded has 400 million.
MOST_BYTES = 512_000_000
#: The largest table of texts or labels, which is read as a whole.
MOST_TABLE = 2_000_000_000

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_plain(path: Path, most: int = MOST_BYTES, *, name: str = "") -> bytes:
    """Read a regular file of at most ``most`` bytes.

    Args:
        path: The file.
        most: The largest size.
        name: Its name in messages; by default the path.

    Raises:
        PoolError: It cannot be read, is a pipe, a device or a folder, or is larger.
    """
    name = name or str(path)
    try:
        if why := unusual(path.stat(), most):
            raise PoolError(f"{name} {why}", hint="remove it, or give the data without it")
        # another file may be there by now: a pipe would block, and a terminal would become that of this process
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if why := unusual(status, most):
                raise PoolError(f"{name} {why}", hint="remove it, or give the data without it")
            content = file.read(most + 1)  # the file may grow meanwhile
    except PoolError:
        raise
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a null character in the path
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PoolError(f"{name} cannot be read: {why}", hint="check the file and its permissions") from None
    if len(content) > most:
        raise PoolError(f"{name} has more than {most:,} bytes", hint="remove it, or give the data without it")
    return content


def unusual(status: os.stat_result, most: int = MOST_BYTES) -> str | None:
    """Say why a file is not read: its kind, or its size; None for a usual file.

    Example:
        >>> unusual(os.stat(os.curdir))
        'is a folder, not a file'
    """
    if not stat.S_ISREG(status.st_mode):
        kind = next((word for is_kind, word in _KINDS if is_kind(status.st_mode)), "something else")
        return f"is {kind}, not a file"
    if status.st_size > most:
        return f"has {status.st_size:,} bytes, more than the {most:,} that are read"
    return None


def is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8: names of files may have any bytes, and JSON may have half characters.

    Example:
        >>> is_text("Größe"), is_text("caf" + chr(0xDCE9))
        (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: str) -> str:
    """Return a name that can be written, with the bytes that are no UTF-8 as ``\\xNN``.

    Example:
        >>> shown("caf" + chr(0xDCE9)), shown("Größe")
        ('caf\\\\xe9', 'Größe')
    """
    try:
        return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # half a character of JSON, and no byte of a file name
        return name.encode(errors="backslashreplace").decode()
